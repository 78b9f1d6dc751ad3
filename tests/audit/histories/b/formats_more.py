"""Honest loops with ledgers that mix several things."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..define import honest
from ..ledger import Style, columns
from ..model import NOT_SURE, Flow
from .places import FORECAST, POLICY, RECURRENT

if TYPE_CHECKING:
    from ..loop import Loop


@honest(
    "negative-rewards",
    "negative values that rise, # metric_direction, no-op and blocked rows",
    flow=Flow("untracked", "revert"),
    style=Style(
        "autoresearch-results.tsv",
        columns=columns(
            "iteration:n timestamp:time commit metric delta guard:=- guard-metric:=- status "
            "description"
        ),
        before=("# metric_direction: higher_is_better",),
        decimals=3,
        missing="-",
        words={"baseline": "baseline"},
    ),
    project=POLICY,
)
def negative_rewards(loop: Loop) -> None:
    """Values below zero are right here."""
    loop.start()
    loop.baseline()
    loop.night("kk")
    loop.claim("discard", "nothing to change", None, status="no-op", cell="-")
    loop.night("kd")
    loop.claim("discard", "the hook refused it", None, status="blocked", cell="-")
    loop.keep(status="keep (reworked)")


@honest(
    "iterations-as-commits",
    "the commit cell is the iteration's number, memory in MB, crashes are 99.0",
    style=Style(
        columns=columns("commit val_bpb:metric memory_mb:mb status description"),
        cell="{n}",
        missing="99.0",
        decimals=4,
    ),
)
def iterations(loop: Loop) -> None:
    """Subjects link the rows."""
    loop.verdicts = NOT_SURE
    loop.start()
    loop.baseline(more={"mb": "9328.2"})
    for letter in "kdckdk":
        act = {"k": loop.keep, "d": loop.discard, "c": loop.crash}[letter]
        act(more={"mb": "9411.0"})


@honest(
    "placeholder-cells",
    "commit cells uncommitted, -------, HEAD~1 and suffixes -dirty; leading tabs",
    style=Style(columns=columns("commit val_loss:metric status description"), decimals=5),
    project=RECURRENT,
)
def placeholder_cells(loop: Loop) -> None:
    """Cells that name no commit belong to discards and crashes."""
    loop.start()
    loop.baseline()
    loop.keep()
    loop.discard(cell="uncommitted")
    loop.crash(cell="-------", status="FAILED TO APPLY")
    loop.keep(cell="{short}-dirty", verdicts=NOT_SURE)
    loop.discard(cell="HEAD~1")
    trial = loop.keep()
    assert trial.line
    loop.ledger.lines[trial.line - 1] = "\t" + loop.ledger.lines[trial.line - 1]
    trial.verdicts = NOT_SURE
    loop.ledger.rows -= 1
    loop.ledger.rows_more += 1


@honest(
    "foreign-records",
    "records of another tool between the rows: JSON, comma rows, a header of its own",
    flow=Flow("after", "restore"),
    style=Style(columns=columns("commit mean_reward:metric status description"), decimals=3),
    project=POLICY,
    warns="ledger-unreadable",
)
def foreign_records(loop: Loop) -> None:
    """A monitor of the machine writes into the same file."""
    loop.start()
    loop.baseline()
    loop.night("kd")
    lines = [
        loop.ledger.raw('{"host": "lab3", "cpu": 71.5, "fan": "ok"}'),
        loop.ledger.raw("time,host,cpu"),
        loop.ledger.raw("2026-05-02 03:11,lab3,70.9"),
        loop.ledger.raw("2026-05-02 03:12,lab3,71.2"),
    ]
    loop.ledger.rows_more += len(lines)
    loop.plant("ledger-unreadable", "warning", line=lines[0])
    loop.night("kdk")


@honest(
    "twelve-digits",
    "hashes of 12 digits in upper case, a column kept of numbers, blank last lines",
    flow=Flow("untracked", "reset", "branches"),
    style=Style(
        "metrics/log.csv",
        "csv",
        columns("when:time sha:commit rmse:metric kept:status idea:description"),
        decimals=4,
        missing="",
        words={"keep": "1", "discard": "0", "crash": "0"},
    ),
    project=FORECAST,
)
def twelve_digits(loop: Loop) -> None:
    """A column `kept` of ones and zeros."""
    loop.start()
    loop.baseline(cell=loop.head[:12].upper())
    for letter in "kdk":
        trial = loop.night(letter)[0]
        assert trial.line
        assert trial.commit
        loop.ledger.change(trial.line, trial.commit[:7], trial.commit[:12].upper())
    loop.ledger.raw("")
    loop.ledger.raw("")
