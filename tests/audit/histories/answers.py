"""The answers of a loop that was played."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .model import STANDS, Kept, Planted, Trial

if TYPE_CHECKING:
    from .loop import Loop


def here(loop: Loop, commit: str | None) -> str | None:
    """The commit as it is in the history now, or None if no branch leads to it."""
    while commit is not None and loop.moved.get(commit, commit) != commit:
        commit = loop.moved[commit]
    return commit if commit in loop.objects.reachable(loop.refs.values()) else None


def planted_facts(loop: Loop) -> tuple[Planted, ...]:
    """The known answers."""
    return tuple(
        Planted(
            fact.word,
            fact.severity,
            here(loop, fact.trial.commit if fact.trial else fact.commit),
            fact.line or (fact.trial.line if fact.trial else None),
        )
        for fact in loop.facts
    )


def side_commits(loop: Loop) -> tuple[str, ...]:
    """The commits at which errors follow from a planted fact."""
    commits = (at.commit if isinstance(at, Trial) else at for at in loop.side)
    return tuple(commit for old in commits if (commit := here(loop, old)))


def side_lines(loop: Loop) -> tuple[int, ...]:
    """The lines of the ledger at which errors follow from a planted fact."""
    return tuple(at.line for at in loop.side if isinstance(at, Trial) and at.line)


def kept_results(loop: Loop) -> tuple[Kept, ...]:
    """The kept results that have a row, with their verdicts."""
    return tuple(
        Kept(here(loop, trial.commit), trial.line, trial.value, trial.verdicts)
        for trial in loop.trials
        if trial.outcome in ("baseline", "keep") and trial.line
    )


def honest_best(loop: Loop) -> tuple[float, ...]:
    """The best value that stands for certain, and the better ones that may stand."""
    sign = -1 if loop.project.higher else 1
    values = [
        (sign * kept.value, kept.verdicts)
        for kept in kept_results(loop)
        if kept.value is not None and "stands" in kept.verdicts
    ]
    limit = min((value for value, verdicts in values if verdicts == STANDS), default=float("inf"))
    return tuple(sorted({sign * value for value, _ in values if value <= limit}))
