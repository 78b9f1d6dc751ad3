"""Honest loops with further formats of ledgers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..define import honest
from ..domains import CLASSIFIER, KERNEL, PROMPT, SOLVER, STRATEGY
from ..ledger import Style, columns
from ..model import NOT_SURE, Flow
from ..projects import LM_OPEN
from .places import FORECAST, RECURRENT, RUST

if TYPE_CHECKING:
    from ..loop import Loop


@honest(
    "thirteen-columns",
    "hypotheses and interpretations, statuses support and tentative",
    flow=Flow("untracked", "restore"),
    style=Style(
        columns=columns(
            "commit kind:=lr thread:=backbone val_bpb:metric delta_vs_best:delta memory_gb:memory "
            "status hypothesis:=lower expected_result:=stable interpretation:= agrees:=yes next:= "
            "description"
        )
    ),
)
def thirteen_columns(loop: Loop) -> None:
    """Diagnostic runs are neither kept nor dropped in the usual words."""
    loop.start()
    loop.baseline()
    loop.night("kd")
    loop.discard(status="support")
    loop.keep()
    loop.discard(status="tentative")
    loop.night("ck")


@honest(
    "before-and-after",
    "metric_before and metric_after, csv, crlf, byte order mark, upper-case names",
    flow=Flow("after", "revert"),
    style=Style(
        "Experiments.CSV",
        "csv",
        columns(
            "COMMIT:commit METRIC_BEFORE:old METRIC_AFTER:metric DELTA:delta STATUS:status "
            "DESCRIPTION:description"
        ),
        end="\r\n",
        encoding="utf-8-sig",
        decimals=2,
        missing="N/A",
        words={"keep": "KEPT", "discard": "REJECTED", "crash": "ERROR"},
    ),
    project=PROMPT,
)
def before_and_after(loop: Loop) -> None:
    """The value before is not the metric of the run."""
    loop.start()
    loop.baseline(more={"old": ""})
    for letter in "kdkcdk":
        old = f"{loop.best:.2f}"
        if letter == "k":
            loop.keep(more={"old": old})
        elif letter == "d":
            loop.discard(more={"old": old})
        else:
            loop.crash(more={"old": old})


@honest(
    "configuration-first",
    "json lines whose first line is a configuration, checks_failed, two objects on one line",
    flow=Flow("untracked", "checkout"),
    style=Style(
        "runs/log.jsonl",
        "jsonl",
        columns("run:n commit metric metrics.peak_gb:memory status description timestamp:time"),
        missing="0",
        before=('{"type": "config", "name": "night", "metric": "rmse", "direction": "lower"}',),
        decimals=4,
    ),
    project=FORECAST,
)
def configuration_first(loop: Loop) -> None:
    """A record of another kind heads the file; two appends met on one line."""
    loop.ledger.rows_more += 1
    loop.start()
    loop.baseline()
    loop.night("kd")
    loop.discard(status="checks_failed")
    loop.keep()
    first = loop.discard()
    loop.discard()
    loop.ledger.lines[-2:] = ["".join(loop.ledger.lines[-2:])]
    loop.trials[-1].line = first.line
    loop.night("kd")


@honest(
    "headerless-eight",
    "no header, eight cells, the metric in the middle, a model's name",
    flow=Flow("after", "reset"),
    style=Style(
        columns=columns(
            "commit model:=net-2 size:=3.1 memory metric clock:=1797 status description"
        ),
        header=False,
        decimals=2,
        missing="0",
    ),
    project=KERNEL,
    warns="",
)
def headerless_eight(loop: Loop) -> None:
    """Which number is the metric can only be guessed."""
    loop.verdicts = NOT_SURE
    loop.start()
    loop.baseline()
    loop.night("kdkd")
    loop.ledger.rows_more, loop.ledger.rows = loop.ledger.rows - 1, 1


@honest(
    "emoji-statuses",
    "emoji before the status, higher is better, percentages of 99",
    flow=Flow("with", "restore"),
    style=Style(
        "RESULTS.tsv",
        columns=columns("#:n Commit:commit Val~acc~(%):metric Outcome:status What:description"),
        cell="{parent}",
        decimals=2,
        missing="-",
        words={
            "keep": "✅ kept",
            "discard": "❌ reverted",
            "crash": "💥 crash",
            "baseline": "baseline",
        },
    ),
    project=CLASSIFIER,
)
def emoji_statuses(loop: Loop) -> None:
    """99.0 is a value here, not a sign for none."""
    loop.start()
    loop.baseline(97.2)
    for value in (98.1, 98.6, 99.0, 99.4):
        loop.keep(value=value)
        loop.discard(value=value - 1.2)


@honest(
    "several-rows-a-commit",
    "repeats of one commit with their seeds, csv with a quoted text of several lines",
    style=Style(
        "log.csv",
        "csv",
        columns("commit seed val_loss:metric status description sample"),
        decimals=5,
        missing="",
    ),
    project=RECURRENT,
    warns="",
)
def several_rows(loop: Loop) -> None:
    """Each keep was run three times; a sample text breaks lines within quotes."""
    loop.start()
    loop.baseline(more={"seed": "1337"})
    for _ in range(3):
        trial = loop.keep(more={"seed": "1337", "sample": "To be, or"})
        for seed in (1, 2):
            value = (trial.value or 0) + 0.0004 * seed
            loop.ledger.rows += 1
            loop.ledger.raw(
                f'{loop.head[:7]},{seed},{value:.5f},keep,repeat,"one line\nand another"'
            )
            loop.ledger.rows_more += 1
            loop.ledger.lines[-1:] = loop.ledger.lines[-1].split("\n")
        loop.discard(more={"seed": "1337"})


@honest(
    "status-in-the-text",
    "there is no status column; the description begins with it",
    style=Style(columns=columns("commit mean_delay:metric description"), decimals=3, missing="nan"),
    project=SOLVER,
)
def status_in_the_text(loop: Loop) -> None:
    """Nothing but prose says what was kept."""
    loop.start()
    loop.baseline(verdicts=())
    for letter in "kdkdk":
        if letter == "k":
            loop.keep("KEEP more restarts", loop.knob()[1], verdicts=())
        else:
            loop.discard("REVERTED other cooling", loop.knob()[1])


@honest(
    "hash-last",
    "timestamps first, the commit last, quoted JSON in a cell, long hashes",
    flow=Flow("amend", "reset"),
    style=Style(
        "results/all.tsv",
        columns=columns(
            "timestamp:time agent:=one config score:metric decision:status why:description "
            "git_commit:commit"
        ),
        cell="{long}",
        decimals=3,
        missing="NaN",
        words={"keep": "accept", "discard": "reject"},
    ),
    project=STRATEGY,
)
def hash_last(loop: Loop) -> None:
    """A row has its own quoting."""
    loop.start()
    config = '"{""fast"": 12, ""slow"": 48}"'
    loop.baseline(more={"config": config})
    for letter in "kdkdc":
        act = {"k": loop.keep, "d": loop.discard, "c": loop.crash}[letter]
        act(more={"config": config})


@honest(
    "columns-appear",
    "rows get two more cells halfway, without a new header; no final newline",
    style=Style(final_end=False),
    warns="ledger-unreadable",
)
def columns_appear(loop: Loop) -> None:
    """Ragged rows: the first five cells are as before."""
    loop.start()
    loop.baseline()
    loop.night("kdk")
    for letter in "dk":
        trial = loop.night(letter)[0]
        assert trial.line
        loop.ledger.lines[trial.line - 1] += "\t912\t0.41"
        trial.verdicts = NOT_SURE
        loop.ledger.rows -= 1
        loop.ledger.rows_more += 1
        loop.plant("ledger-unreadable", "warning", line=trial.line)


@honest(
    "prose-around",
    "a title, a ruler, notes between rows, a summary at the end",
    flow=Flow("after", "restore"),
    style=Style(
        before=("Results of the night", "=" * 30, "", "# lower is better", ""),
        path="notes/results.txt",
    ),
    project=LM_OPEN,
    warns="ledger-unreadable",
)
def prose_around(loop: Loop) -> None:
    """A table in a text file."""
    loop.start()
    loop.baseline()
    loop.night("kd")
    line = loop.ledger.raw("Weight decay seems to matter less than I thought.")
    loop.night("kc")
    loop.ledger.raw("-" * 30)
    loop.ledger.raw("Summary: two of four ideas were kept.")
    loop.ledger.rows_more += 2
    loop.plant("ledger-unreadable", "warning", line=line)
    loop.save("Add a summary")


@honest(
    "utf-16-table",
    "utf-16 in the commits, mixed line ends, numbers that grow large",
    flow=Flow("after", "reset"),
    style=Style(
        "bench.tsv",
        columns=columns("rev:commit ns_per_iter:metric result:status idea:description"),
        encoding="utf-16",
        decimals=0,
        missing="999",
    ),
    project=RUST,
)
def utf16_table(loop: Loop) -> None:
    """Git takes the file for a binary one."""
    loop.start()
    loop.baseline(end="\r\n")
    loop.night("kd")
    loop.keep(end="\r\n")
    loop.night("dck")
