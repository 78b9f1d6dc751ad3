"""Find the verdicts on commits: the last one on each, and the keeps on a branch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_ouro.evidence.records.run_record import FinishedRun

#: The size of a literal, in nodes: simpler code is smaller by more than that.
LITERAL = 1
#: The units in which a size is shown, and how many of the size's own make one; "" in older records.
_UNITS = {
    "python": ("nodes of Python", 1),
    "data": ("words and signs of keys and values", 2),
    "text": ("words and signs of text", 2),
}


class Saving(NamedTuple):
    """Sizes of code of one kind, before and after a change that makes it smaller."""

    kind: str
    before: int
    after: int

    @property
    def less(self) -> int:
        """By how much the size became smaller."""
        return self.before - self.after

    def __str__(self) -> str:
        unit, size = _UNITS.get(self.kind, ("nodes", 1))
        return f"{self.before // size} → {self.after // size} {unit}"


def saving(before: Mapping[str, int], after: Mapping[str, int]) -> Saving | None:
    """Return the saving in the kind of code that shrinks most, of equal ones in the first by name;
    ``before`` and ``after`` are sizes by kind, and a kind that is absent has 0. None if no kind
    shrinks, or one grows: sizes of two kinds cannot be compared."""
    kinds = {*before, *after}
    savings = [Saving(kind, before.get(kind, 0), after.get(kind, 0)) for kind in sorted(kinds)]
    if not savings or min(one.less for one in savings) < 0:
        return None
    best = max(savings, key=lambda one: one.less)
    return best if best.less > 0 else None


def saved(run: FinishedRun) -> Saving | None:
    """Return the saving of a run's code against its reference's; None if no kind of code shrinks,
    or one grows. Sizes of older records, which have no kinds, are compared as those of the kind
    ""."""
    before = run.best_code_sizes or {"": run.best_code_size or 0}
    return saving(before, run.code_sizes or {"": run.code_size})


def last_verdicts(runs: Iterable[FinishedRun]) -> dict[str, FinishedRun]:
    """Return a dict from the id of a commit to the last run that decided about it; ``runs`` are
    oldest first. A crash, a rehearsal, an early repeat or a run at too low a level decides nothing,
    so that a commit may be absent.

    ``unchanged`` decides only about a commit that no earlier run decided about: it measured known
    code.
    """
    found: dict[str, FinishedRun] = {}
    for run in runs:
        if run.status == "crash" or not run.reason.decides:
            continue
        if run.reason.decides_only_alone and (run.commit in found or _is_older(run)):
            continue
        found[run.commit] = run
    return found


def kept_in(history: Iterable[str], runs: Iterable[FinishedRun]) -> list[FinishedRun]:
    """Return, for the commits in ``history`` (ids, newest first) and in their order, the run that
    decided last about each, if it is a keep with a finite value; ``runs`` are oldest first.

    The first in the list is the last keep on that history; [] if nothing is kept.
    """
    verdicts = last_verdicts(runs)
    found = [verdicts[commit] for commit in history if commit in verdicts]
    return [run for run in found if run.status == "keep" and _is_measured(run)]


def _is_measured(run: FinishedRun) -> bool:
    """Return whether a run's value to compare is a finite number."""
    value = run.mean_or_value
    return value is not None and math.isfinite(value)


def _is_older(run: FinishedRun) -> bool:
    """Return whether the record of a run with the reason ``unchanged`` is from a version that let
    its commit stay on the branch: it is of version 1 and states no incumbent."""
    return run.version == 1 and run.incumbent is None
