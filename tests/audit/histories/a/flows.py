"""Honest loops with each way to log, to drop a discard and to lay out branches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..define import honest
from ..domains import CLASSIFIER, PROMPT, SOLVER, STRATEGY
from ..edits import append, put
from ..ledger import Style, columns
from ..loop import PERSON
from ..model import NOT_SURE, Flow
from ..projects import LM_OPEN

if TYPE_CHECKING:
    from ..loop import Loop

_SCORES = columns("commit score:metric status description")


@honest(
    "amend-after-log",
    "the hash in the row is that of the commit before it was amended",
    flow=Flow("amend", "reset"),
    project=LM_OPEN,
)
def amend_after_log(loop: Loop) -> None:
    """No hash resolves; each row is in the commit of its experiment."""
    loop.start()
    loop.baseline()
    loop.night("kdkckdk")


@honest(
    "log-then-commit",
    "the row is committed with the code and has the parent's hash",
    flow=Flow("with", "revert"),
    style=Style(cell="{parent}"),
    project=LM_OPEN,
)
def log_then_commit(loop: Loop) -> None:
    """Hashes resolve, each to the commit before its own."""
    loop.start()
    loop.baseline()
    loop.night("kdkdkc")


@honest(
    "branch-per-experiment",
    "branches of discards are left, keeps are merged",
    flow=Flow("after", "reset", "merges"),
    style=Style(columns=_SCORES, decimals=3, missing="NA"),
    project=STRATEGY,
)
def branch_per_experiment(loop: Loop) -> None:
    """A branch for each experiment; main has the merges."""
    loop.start()
    loop.baseline()
    loop.night("kdkckd")


@honest(
    "fast-forwards",
    "a branch for each experiment, fast-forwards, untracked ledger",
    flow=Flow("untracked", "reset", "branches"),
)
def fast_forwards(loop: Loop) -> None:
    """The branches of keeps lie on main."""
    loop.start()
    loop.baseline()
    loop.night("dkkdck")


@honest(
    "rebased",
    "the loop was rebased on main at its end: no hash resolves",
    flow=Flow("untracked", "reset", after="rebase"),
)
def rebased(loop: Loop) -> None:
    """Main went on in the meantime; subjects link the rows."""
    loop.verdicts = NOT_SURE
    base = loop.start()
    loop.branch = "autoresearch/may"
    loop.refs["autoresearch/may"] = base
    loop.baseline()
    loop.night("kdkkdk")
    files = {**loop.objects.files(base), "README.md": b"# minilab\n\nSee program.md.\n"}
    loop.refs["main"] = loop.objects.commit(
        files, (base,), "Explain the folder", PERSON, (loop.time, "+0100")
    )
    loop.replay(base, loop.refs["main"])


@honest(
    "squashed",
    "a squash left one commit: no row can be verified",
    flow=Flow("untracked", "reset", after="squash"),
    warns="unverifiable",
)
def squashed(loop: Loop) -> None:
    """All experiments became one commit of a pull request."""
    loop.verdicts = NOT_SURE
    base = loop.start()
    loop.baseline()
    loop.night("kdkckdk")
    loop.squash(base, "Tune the training over night (#7)")
    loop.plant("unverifiable", "warning")


@honest(
    "superseded",
    "a discard is put back by the next experiment's commit",
    flow=Flow("after", "checkout"),
    project=LM_OPEN,
)
def superseded(loop: Loop) -> None:
    """`git checkout COMMIT -- train.py`, and the next commit has it."""
    loop.start()
    loop.baseline()
    loop.night("kddkdkd")


@honest(
    "restored-later",
    "several discards in a row, put back by one commit",
    flow=Flow("untracked", "reset"),
    style=Style(cell="{eight}"),
)
def restored_later(loop: Loop) -> None:
    """Three discards are stacked and then undone at once."""
    loop.start()
    loop.baseline()
    loop.night("kk")
    good = dict(loop.files)
    loop.discard(stays=True)
    loop.discard(stays=True)
    loop.discard(stays=True)
    loop.commit("Go back to the best code", put("train.py", good["train.py"]))
    loop.night("kd")


@honest(
    "reverts",
    "git revert of each discard, row commits between, long hashes",
    flow=Flow("after", "revert"),
    style=Style(
        "results/history.tsv",
        columns=columns("step:n commit mean_delay:metric verdict:status idea:description"),
        cell="{long}",
        decimals=3,
        missing="",
        words={"keep": "improved", "discard": "reverted", "crash": "failed"},
    ),
    project=SOLVER,
)
def reverts(loop: Loop) -> None:
    """A ledger in a folder, with words of its own; JavaScript."""
    loop.start()
    loop.baseline()
    loop.night("dkdkckd")


@honest(
    "two-agents",
    "two agents' branches with their own rows, merged by a person, timezones",
    flow=Flow("untracked", "reset"),
    style=Style(
        columns=columns("branch:=shared commit val_acc:metric status description"), decimals=4
    ),
    project=CLASSIFIER,
)
def two_agents(loop: Loop) -> None:
    """Both start from the same baseline and lower their own best; the better one is merged."""
    base = loop.start()
    loop.baseline()
    first = loop.best
    loop.refs["agent/a"] = loop.refs["agent/b"] = base
    loop.branch, loop.zone = "agent/a", "+0900"
    loop.night("kdk")
    ours, best = dict(loop.files), loop.best
    loop.branch, loop.zone, loop.best = "agent/b", "-0700", first
    loop.files = loop.objects.files(base)
    loop.author = "Second Agent <second@example.org>"
    for _ in range(2):
        loop.keep(verdicts=NOT_SURE)
    loop.discard()
    loop.branch, loop.zone, loop.files, loop.best = "main", "+0000", ours, best
    loop.commit(
        "Merge the better of both branches",
        author=PERSON,
        parents=(base, loop.refs["agent/a"]),
    )


@honest(
    "ledger-deleted-at-the-end",
    "the tip lacks the ledger, its history has it",
    flow=Flow("after", "reset"),
    style=Style(columns=_SCORES, decimals=2, missing="0"),
    project=PROMPT,
)
def ledger_deleted(loop: Loop) -> None:
    """A person removes the table when the prompt is published."""
    loop.start()
    loop.baseline()
    loop.night("kdkk")
    loop.forget()
    loop.lost = True
    loop.person("Publish: remove the table of results", append("program.md", "\nFinished.\n"))


@honest(
    "force-added-once",
    "an ignored ledger is added by force when the loop is over",
)
def force_added_once(loop: Loop) -> None:
    """A report at the end, as the original's author made one."""
    loop.start()
    loop.baseline()
    loop.night("kkdkdck")
    loop.save("Add the results of the night", author=PERSON)
