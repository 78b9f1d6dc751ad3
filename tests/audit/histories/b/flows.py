"""Honest loops with further ways to log, to drop a discard and to lay out branches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..define import honest
from ..domains import CLASSIFIER, KERNEL, PROMPT, SOLVER, STRATEGY
from ..edits import append, put, tune
from ..ledger import Style, columns
from ..loop import PERSON
from ..model import NOT_SURE, Flow
from ..projects import LM_OPEN
from .places import FORECAST, POLICY, RECURRENT, RUST

if TYPE_CHECKING:
    from ..loop import Loop


@honest(
    "rebased-with-its-ledger",
    "the ledger is in the commits, and all were rebased: hashes are those of before",
    flow=Flow("after", "revert", after="rebase"),
    style=Style(columns=columns("commit rmse:metric status description"), decimals=4),
    project=FORECAST,
)
def rebased_with_ledger(loop: Loop) -> None:
    """The commits that add the rows link them."""
    loop.verdicts = NOT_SURE
    base = loop.start()
    loop.branch = "night/2"
    loop.refs["night/2"] = base
    loop.baseline()
    loop.night("kdkk")
    files = {**loop.objects.files(base), "docs/contest.md": b"# Contest\n"}
    loop.refs["main"] = loop.objects.commit(
        files, (base,), "Describe the contest", PERSON, (loop.time, "+0530")
    )
    loop.replay(base, loop.refs["main"])


@honest(
    "squashed-on-main",
    "a squash of the loop with its ledger, then a second loop that can be verified",
    flow=Flow("with", "restore"),
    style=Style(
        "results.csv",
        "csv",
        columns("commit score:metric status note:description"),
        cell="{parent}",
        decimals=2,
        missing="",
    ),
    project=PROMPT,
    warns="unverifiable",
)
def squashed_on_main(loop: Loop) -> None:
    """One commit adds five rows."""
    base = loop.start()
    loop.verdicts = NOT_SURE
    loop.baseline()
    loop.night("kdkd")
    loop.squash(base, "Night one: prompt tuned (#3)")
    loop.plant("unverifiable", "warning")
    loop.tick(600)
    loop.verdicts = ("stands",)
    loop.night("kdk")


@honest(
    "amended-and-merged",
    "a branch for each experiment, amended with its row, merged with merge commits",
    flow=Flow("amend", "reset", "merges"),
    style=Style(
        "perf.tsv", columns=columns("sha:commit gflops:metric status what:description"), decimals=2
    ),
    project=KERNEL,
)
def amended_and_merged(loop: Loop) -> None:
    """Rows of discards come to main with the next keep."""
    loop.start()
    loop.baseline()
    loop.night("dkdk")


@honest(
    "elsewhere-checked-out",
    "the loop's branch is not checked out; the ledger lies in the working tree of main",
    flow=Flow("untracked", "revert"),
    style=Style(columns=columns("commit val_loss:metric status description"), decimals=5),
    project=RECURRENT,
    warns="",
)
def elsewhere_checked_out(loop: Loop) -> None:
    """HEAD is main, where nothing has happened; the hashes resolve on autoresearch/june."""
    base = loop.start()
    loop.branch = "autoresearch/june"
    loop.refs["autoresearch/june"] = base
    loop.verdicts = NOT_SURE
    loop.baseline()
    loop.night("kdkdk")
    loop.branch, loop.files = "main", loop.objects.files(base)


@honest(
    "picked-keeps",
    "keeps were picked onto a clean branch: other hashes, the same subjects",
    flow=Flow("untracked", "restore"),
    style=Style(
        columns=columns("commit mean_reward:metric status description"), decimals=3, missing="nan"
    ),
    project=POLICY,
)
def picked_keeps(loop: Loop) -> None:
    """The messages say where they come from."""
    base = loop.start()
    loop.verdicts = NOT_SURE
    loop.baseline()
    trials = loop.night("kdkdk")
    clean = base
    for trial in trials:
        if trial.outcome == "keep" and trial.commit:
            loop.tick(1)
            clean = loop.objects.commit(
                loop.objects.files(trial.commit),
                (clean,),
                f"{trial.subject}\n\n(cherry picked from commit {trial.commit})",
                PERSON,
                (loop.time, "+0000"),
            )
            loop.moved[trial.commit] = clean
    loop.refs["main"] = clean
    loop.files = loop.objects.files(clean)


@honest(
    "applied-again",
    "a discard is reverted, and later applied again and kept in another context",
    flow=Flow("after", "revert"),
    project=LM_OPEN,
)
def applied_again(loop: Loop) -> None:
    """`Revert` of a `Revert`."""
    loop.start()
    loop.baseline()
    loop.night("k")
    loop.discard("deeper: 9 layers", tune("train.py", "DEPTH", "9"))
    loop.night("k")
    loop.keep(
        'Reapply "deeper: 9 layers"',
        tune("train.py", "DEPTH", "9"),
        describe="deeper again, now that the rate is higher",
    )
    loop.night("d")


@honest(
    "stacked-and-reset-by-content",
    "discards are stacked, then a commit restores the best code and adds a comment",
    flow=Flow("untracked", "reset"),
    style=Style(
        "log.tsv",
        columns=columns("n commit ns_per_iter:metric status idea:description"),
        decimals=0,
        missing="inf",
    ),
    project=RUST,
)
def stacked(loop: Loop) -> None:
    """Superseded, though not byte for byte."""
    loop.start()
    loop.baseline()
    loop.night("kk")
    good = loop.files["src/lib.rs"]
    loop.discard(stays=True)
    loop.discard(stays=True)
    loop.commit(
        "Return to the best parser", put("src/lib.rs", good + b"// larger chunks did not help\n")
    )
    loop.night("kd")


@honest(
    "clock-that-jumps",
    "dates that go backwards, timezones of half an hour, several authors and one loop",
    flow=Flow("with", "checkout"),
    style=Style(
        "runs.csv",
        "csv",
        columns("commit val_acc:metric status description"),
        cell="{parent}",
        decimals=4,
        missing="NA",
    ),
    project=CLASSIFIER,
)
def clock_that_jumps(loop: Loop) -> None:
    """The machine's clock was wrong for a while."""
    loop.start()
    loop.baseline()
    loop.zone = "+0545"
    loop.night("kd")
    loop.tick(-2000)
    loop.zone = "-0330"
    loop.author = "root <root@localhost>"
    loop.night("kdk")


@honest(
    "upstream-merged",
    "upstream changes of the harness's data loading are merged in the middle, with a new baseline",
    flow=Flow("after", "revert"),
    project=LM_OPEN,
)
def upstream_merged(loop: Loop) -> None:
    """A person merges; the loop measures its baseline again."""
    base = loop.start()
    loop.baseline()
    loop.night("kdk")
    side = dict(loop.objects.files(base))
    tune("prepare.py", "WORKERS", "8")(side)
    append("README.md", "\nNeeds 8 workers.\n")(side)
    upstream = loop.objects.commit(side, (base,), "More workers", PERSON, (loop.time, "+0000"))
    loop.refs["upstream"] = upstream
    loop.tick(20)
    loop.commit(
        "Merge branch 'upstream'",
        tune("prepare.py", "WORKERS", "8"),
        append("README.md", "\nNeeds 8 workers.\n"),
        author=PERSON,
        parents=(loop.head, upstream),
    )
    loop.baseline(loop.best, "baseline after the merge")
    loop.night("kdk")


@honest(
    "new-session-archives",
    "each session begins with an empty ledger; the old one is archived in the same commit",
    flow=Flow("after", "reset"),
    style=Style(
        "results.tsv", columns=columns("commit score:metric status description"), decimals=3
    ),
    project=STRATEGY,
)
def new_session(loop: Loop) -> None:
    """Rows leave the ledger, but not the repository."""
    loop.start()
    loop.baseline()
    loop.night("kdk")
    old = loop.ledger.render()
    loop.trials.clear()
    del loop.ledger.lines[1:]
    loop.ledger.rows = 0
    loop.files["archive/results_1.tsv"] = old
    loop.save("Archive the first session", author=PERSON)
    loop.baseline(loop.best, "baseline of the second session")
    loop.night("kdk")


@honest(
    "rows-lost-and-restored",
    "a reset took rows away; the next commit restores them",
    flow=Flow("after", "revert"),
    style=Style(
        "results.tsv", columns=columns("commit mean_delay:metric status description"), decimals=3
    ),
    project=SOLVER,
    warns="",
)
def rows_lost(loop: Loop) -> None:
    """An accident that was repaired; nothing is missing at the end."""
    loop.start()
    loop.baseline()
    loop.night("kdkd")
    whole = list(loop.ledger.lines)
    del loop.ledger.lines[-2:]
    loop.save("log")
    loop.ledger.lines[:] = whole
    loop.save("Restore the rows that the last commit dropped")
    loop.night("k")
