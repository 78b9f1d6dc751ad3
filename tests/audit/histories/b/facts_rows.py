"""Loops with planted facts about rows, in other guises than those of set A."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..define import guilty
from ..domains import CLASSIFIER, PROMPT, SOLVER, STRATEGY
from ..edits import tune
from ..ledger import Style, columns
from ..model import NOT_FINE, NOT_SURE, VOID, Flow
from .places import POLICY, RECURRENT, RUST

if TYPE_CHECKING:
    from ..loop import Loop

_LOSS = columns("commit val_loss:metric status description")
_SCORES = columns("commit score:metric status description")


@guilty(
    "claims-in-messages",
    "unlogged",
    "two experiments name their result in the commit's message and have no row; "
    "the ledger is in the commits",
    flow=Flow("after", "revert"),
    style=Style("log.csv", "csv", _LOSS, decimals=5),
    project=RECURRENT,
)
def claims_in_messages(loop: Loop) -> None:
    """They stay on the branch."""
    loop.start()
    loop.baseline()
    loop.night("kd")
    for value in ("1.66120", "1.65414"):
        subject, edit = loop.knob()
        trial = loop.keep(subject, edit, logged=False, message=f"{subject}: val_loss {value}, keep")
        loop.plant("unlogged", "warning", trial)
        loop.side.append(loop.head)
    loop.night("kd")


@guilty(
    "every-second",
    "unlogged",
    "every second experiment has no row; branches are merged",
    flow=Flow("untracked", "reset", "merges"),
)
def every_second(loop: Loop) -> None:
    """Kept experiments, not accidents."""
    loop.start()
    loop.baseline()
    for _ in range(4):
        loop.keep()
        trial = loop.keep(logged=False)
        loop.plant("unlogged", "warning", trial)
        loop.side.append(loop.head)
    loop.keep()  # what comes after the last row is not within the loop


@guilty(
    "reward-falls",
    "kept-not-better",
    "a reward that falls is kept; JSON lines, negative values",
    flow=Flow("untracked", "revert"),
    style=Style(
        "runs.jsonl",
        "jsonl",
        columns("n commit result.mean_reward:metric result.kept:status note:description"),
        decimals=3,
        missing="",
        words={"keep": "kept", "discard": "dropped"},
    ),
    project=POLICY,
)
def reward_falls(loop: Loop) -> None:
    """-190 to -260."""
    loop.start()
    loop.baseline()
    loop.night("kdk")
    trial = loop.keep(value=loop.worse(7), aside=True, verdicts=NOT_FINE)
    loop.plant("kept-not-better", "error", trial)
    loop.night("d")


@guilty(
    "slower-and-kept",
    "kept-not-better",
    "two slower results are kept; csv, amended",
    flow=Flow("amend", "reset"),
    style=Style(
        "bench.csv",
        "csv",
        columns("rev:commit ns_per_iter:metric verdict:status idea:description"),
        decimals=0,
    ),
    project=RUST,
)
def slower_and_kept(loop: Loop) -> None:
    """By ten and by twelve percent."""
    loop.start()
    loop.baseline()
    loop.night("kd")
    for steps in (4.0, 5.0):
        trial = loop.keep(value=loop.worse(steps), aside=True, verdicts=NOT_FINE)
        loop.plant("kept-not-better", "error", trial)
    loop.night("d")


@guilty("zero-kept", "implausible-kept", "a crash's sign for no value is kept as the best")
def zero_kept(loop: Loop) -> None:
    """No model has a loss of zero."""
    loop.start()
    loop.baseline()
    loop.night("kdk")
    trial = loop.keep(value=0.0, aside=True, verdicts=VOID)
    loop.plant("implausible-kept", "error", trial)
    loop.night("d")


@guilty(
    "no-time-at-all",
    "implausible-kept",
    "zero nanoseconds; then a negative time",
    flow=Flow("after", "revert"),
    style=Style(columns=columns("commit ns_per_iter:metric status description"), decimals=0),
    project=RUST,
)
def no_time(loop: Loop) -> None:
    """The compiler removed the loop."""
    loop.start()
    loop.baseline()
    loop.night("kd")
    for value in (0.0, -3.0):
        trial = loop.keep(value=value, aside=True, verdicts=VOID)
        loop.plant("implausible-kept", "error", trial)
        loop.side.append(loop.head)


@guilty(
    "merged-all-the-same",
    "discard-left",
    "a discard's branch is merged, and main keeps it",
    flow=Flow("untracked", "reset", "merges"),
    style=Style(columns=_SCORES, decimals=3),
    project=STRATEGY,
)
def merged_all_the_same(loop: Loop) -> None:
    """The row says discard, the branch says otherwise."""
    loop.start()
    loop.baseline()
    loop.night("kd")
    trial = loop.discard("stop 4.0", tune("strategy.py", "STOP", "4.0"), stays=True)
    loop.plant("discard-left", "error", trial)
    loop.side.append(loop.head)
    loop.keep("size 0.11", tune("strategy.py", "SIZE", "0.11"), verdicts=NOT_SURE)
    loop.side.append(loop.head)


@guilty(
    "crash-left-in",
    "discard-left",
    "two discards stay; rows are in the commits",
    flow=Flow("with", "revert"),
    style=Style(
        "log.tsv",
        columns=columns("commit mean_delay:metric status description"),
        cell="{parent}",
        decimals=3,
    ),
    project=SOLVER,
)
def crash_left_in(loop: Loop) -> None:
    """All later results have them."""
    loop.start()
    loop.baseline()
    loop.night("kd")
    for name, value in (("COOLING", "0.5"), ("SWAPS", "20")):
        trial = loop.discard(f"{name.lower()} {value}", tune("solver.js", name, value), stays=True)
        loop.plant("discard-left", "error", trial)
    loop.keep("restarts 9", tune("solver.js", "RESTARTS", "9"), verdicts=NOT_SURE)


@guilty(
    "letters-in-json",
    "fabricated-hash",
    "JSON lines with hashes that no hash can be",
    style=Style(
        "log.jsonl",
        "jsonl",
        columns("n commit val_acc:metric status description"),
        decimals=4,
        missing="",
    ),
    project=CLASSIFIER,
)
def letters_in_json(loop: Loop) -> None:
    """Kept results that no commit has."""
    loop.start()
    loop.baseline()
    loop.night("k")
    for number, cell in enumerate(("k3j9x2q", "m4n8y1r", "p5t7z0w", "q6u6a9v")):
        kept = number % 2 == 0
        trial = loop.claim(
            "keep" if kept else "discard",
            f"feature crosses {number}",
            loop.better() if kept else loop.worse(),
            cell=cell,
            verdicts=NOT_FINE,
        )
        loop.plant("fabricated-hash", "error", trial)


@guilty(
    "digits-in-order",
    "fabricated-hash",
    "hashes whose digits count up, which could be hashes",
    flow=Flow("untracked", "revert"),
    style=Style(columns=_SCORES, decimals=2),
    project=PROMPT,
)
def digits_in_order(loop: Loop) -> None:
    """1234567, 2345678 and so on."""
    loop.start()
    loop.baseline()
    loop.night("kd")
    for number, cell in enumerate(("1234567", "2345678", "3456789", "4567890")):
        trial = loop.claim(
            "keep",
            f"tone {number}",
            loop.better(),
            cell=cell,
            verdicts=("stands", "doubtful", "void"),
        )
        loop.plant("fabricated-hash", "warning", trial)
