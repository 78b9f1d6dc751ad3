"""Honest loops with accidents that were repaired, and with several agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..define import honest
from ..domains import SOLVER
from ..edits import drop, tune
from ..ledger import Style, columns
from ..model import NOT_SURE, Flow
from ..projects import LM
from .places import FORECAST, RECURRENT, RUST

if TYPE_CHECKING:
    from ..loop import Loop


@honest(
    "keeps-with-literal-tabs",
    "rows of keeps with a literal backslash t; the commits are there",
    flow=Flow("untracked", "revert"),
    style=Style(columns=columns("commit val_loss:metric status description"), decimals=5),
    project=RECURRENT,
)
def keeps_with_literal_tabs(loop: Loop) -> None:
    """What cannot be read is not what was never logged."""
    loop.start()
    loop.baseline()
    for letter in "kdkkd":
        trial = loop.night(letter)[0]
        if trial.outcome == "keep":
            assert trial.line
            text = loop.ledger.lines[trial.line - 1]
            loop.ledger.lines[trial.line - 1] = text.replace("\t", "\\t")
            loop.ledger.rows -= 1
            loop.ledger.rows_more += 1
            trial.verdicts = NOT_SURE


@honest(
    "two-agents-one-table",
    "two agents take turns on two branches and write into one table, each with a best of its own",
    flow=Flow("untracked", "revert"),
    style=Style(
        "shared.csv",
        "csv",
        columns("agent commit mean_delay:metric status description"),
        decimals=3,
        missing="NA",
    ),
    project=SOLVER,
)
def two_agents_one_table(loop: Loop) -> None:
    """A keep of one agent may be worse than the best of the other."""
    base = loop.start()
    loop.baseline(more={"agent": "both"})
    names = ("ada", "ben")
    best = dict.fromkeys(names, loop.best)
    files = {name: loop.objects.files(base) for name in names}
    loop.verdicts = NOT_SURE
    for turn, plan in enumerate(("kd", "k", "kk", "dk")):
        name = names[turn % 2]
        loop.branch, loop.best, loop.files = f"agents/{name}", best[name], files[name]
        loop.refs.setdefault(loop.branch, base)
        loop.author, loop.zone = f"{name} <{name}@example.org>", ("+0200", "-0500")[turn % 2]
        for letter in plan:
            act = loop.keep if letter == "k" else loop.discard
            act(more={"agent": name})
        best[name], files[name] = loop.best, dict(loop.files)
    loop.refs["main"] = loop.refs["agents/ada"]
    loop.branch, loop.files = "main", files["ada"]


@honest(
    "added-by-accident",
    "git add -A took the ignored ledger and a log along; the next commit removes them",
    style=Style(no_memory="-", missing="nan"),
    project=LM.with_files(**{".gitignore": "__pycache__/\nresults.tsv\n"}),
)
def added_by_accident(loop: Loop) -> None:
    """Once, and undone."""
    loop.start()
    loop.baseline()
    loop.night("kd")
    loop.files["run.log"] = b"step 100\nval_bpb: 1.139000\ntraining_seconds: 300.4\n"
    loop.save("wip")
    loop.forget()
    loop.commit("Take results and log out of git", drop("run.log"))
    loop.night("kdk")


@honest(
    "long-and-quiet",
    "forty experiments, long runs of discards, several crashes in a row",
    flow=Flow("untracked", "reset"),
    style=Style(
        columns=columns("commit rmse:metric mem:memory status description"),
        decimals=4,
        missing="0.0000",
    ),
    project=FORECAST,
)
def long_and_quiet(loop: Loop) -> None:
    """Most nights look like this."""
    loop.start()
    loop.baseline()
    loop.night("kkddddcdkdddddccckdddddddkddddcddddkdddd")


@honest(
    "sweeps-in-order",
    "one constant is swept over five values, three of which are kept",
    flow=Flow("with", "revert"),
    style=Style(
        "sweep.tsv",
        columns=columns("n commit ns_per_iter:metric verdict:status note:description"),
        cell="{parent}",
        decimals=0,
        missing="99.0",
    ),
    project=RUST,
)
def sweeps_in_order(loop: Loop) -> None:
    """The gains are far above the noise."""
    loop.start()
    loop.baseline()
    for size, letter in (
        ("6144", "k"),
        ("8192", "k"),
        ("12288", "d"),
        ("10240", "k"),
        ("11264", "d"),
    ):
        act = loop.keep if letter == "k" else loop.discard
        act(f"chunk {size}", tune("src/lib.rs", "CHUNK", size))
