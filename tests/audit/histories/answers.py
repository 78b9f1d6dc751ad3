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
    return tuple(_result(loop, trial) for trial in _listed(loop.trials))


def _listed(trials: list[Trial]) -> list[Trial]:
    """The kept ones that a ledger shows as such."""
    kept = (trial for trial in trials if trial.outcome in ("baseline", "keep"))
    return [trial for trial in kept if trial.line and trial.verdicts]


def _result(loop: Loop, trial: Trial) -> Kept:
    return Kept(here(loop, trial.commit), trial.line, trial.value, trial.verdicts)


def honest_best(loop: Loop) -> tuple[float, ...]:
    """The best value that stands for certain, and the better ones that may stand.

    After a second baseline, the best since then is right as well.
    """
    kept = _listed(loop.trials)
    last = max((at for at, trial in enumerate(kept) if trial.outcome == "baseline"), default=0)
    return tuple(sorted(_best(kept, loop.project.higher) | _best(kept[last:], loop.project.higher)))


def _best(kept: list[Trial], higher: bool) -> set[float]:
    sign = -1 if higher else 1
    values = [
        (sign * trial.value, trial.verdicts)
        for trial in kept
        if trial.value is not None and "stands" in trial.verdicts
    ]
    limit = min((value for value, verdicts in values if verdicts == STANDS), default=float("inf"))
    return {sign * value for value, _ in values if value <= limit}
