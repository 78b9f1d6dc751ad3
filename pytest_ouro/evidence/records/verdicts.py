"""Find the deciding verdict on each commit and the keeps in a history, and compare sizes of
code."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pytest_ouro.evidence.records.run_record import FinishedRun

#: The size of a literal, in nodes: simpler code is smaller by more than that.
LITERAL = 1
#: A difference beyond this many of its standard errors is more than noise.
CLEAR = 2.0
#: The units in which a size is shown, and how many of the size's own make one; "" in older records.
_UNITS = {
    "python": ("nodes of Python", 1),
    "data": ("words and signs of keys and values", 2),
    "text": ("words and signs of text", 2),
}


class Saving(NamedTuple):
    """The sizes of the code of one kind before and after a change that made it smaller."""

    kind: str
    before: int
    after: int

    @property
    def less(self) -> int:
        """The size before minus the size after."""
        return self.before - self.after

    def __str__(self) -> str:
        """Return the sizes in words with their unit, as in ``120 → 100 nodes of Python``."""
        unit, size = _UNITS.get(self.kind, ("nodes", 1))
        return f"{self.before // size} → {self.after // size} {unit}"


def saving(before: Mapping[str, int], after: Mapping[str, int]) -> Saving | None:
    """Return the saving for the kind of code that shrinks most (of equals, the first by name).
    ``before`` and ``after`` are sizes by kind; a missing kind counts as 0. Return None if no kind
    shrinks, or if any kind grows, since sizes of two kinds cannot be compared."""
    kinds = {*before, *after}
    savings = [Saving(kind, before.get(kind, 0), after.get(kind, 0)) for kind in sorted(kinds)]
    if not savings or min(one.less for one in savings) < 0:
        return None
    best = max(savings, key=lambda one: one.less)
    return best if best.less > 0 else None


def saved(run: FinishedRun) -> Saving | None:
    """Return the saving of a run's code compared with its reference's (the kept run that it was
    compared with); None if no kind of code shrinks or any grows. Sizes in older records, without
    kinds, count as the kind ""."""
    before = run.best_code_sizes or {"": run.best_code_size or 0}
    return saving(before, run.code_sizes or {"": run.code_size})


def noise_explains(run: FinishedRun) -> float:
    """Return the largest difference of a run from its reference that noise explains: ``CLEAR``
    standard errors of the difference, or the recorded margin in older records. 0 if the noise was
    not known."""
    return (run.margin if run.se is None else CLEAR * run.se) or 0.0


def tie_band(run: FinishedRun) -> float:
    """Return the largest difference of a run from its reference that is a tie: the recorded band,
    or the margin in older records; 0 if neither is known."""
    return (run.margin if run.band is None else run.band) or 0.0


def mean_with(kept: FinishedRun, placebos: Iterable[FinishedRun]) -> tuple[float, int]:
    """Return the mean of the value of a keep and those of further runs of its code (``placebos``,
    with runs of the purpose "reference"), and the number of runs that the mean is of. The keep
    counts as many times as it has independent runs. It must have a value; further runs without one
    are left out."""
    value, count = kept.mean_or_value, kept.independent_runs
    assert value is not None
    more = [run.value for run in placebos if run.value is not None]
    return math.fsum([value * count, *more]) / (count + len(more)), count + len(more)


def last_verdicts(runs: Iterable[FinishedRun]) -> dict[str, FinishedRun]:
    """Return, by commit id, the last of ``runs`` (oldest first) that decided about that commit.
    A commit is absent if all of its runs crashed or decided nothing (`Reason.decides`), as a
    rehearsal does.

    A run with the reason ``unchanged`` decides only about a commit that no earlier run decided
    about, in old records (`_is_older`) about none.
    """
    found: dict[str, FinishedRun] = {}
    for run in runs:
        if run.status == "crash" or not run.reason.decides:
            continue
        if run.reason.decides_only_alone and (run.commit in found or _is_older(run)):
            continue
        found[run.commit] = run
    return found


def kept_in(
    history: Iterable[str], runs: Iterable[FinishedRun], without: Collection[str] = ()
) -> list[FinishedRun]:
    """Return the keeps in a history: the deciding run of each commit in ``history`` that is a keep
    with a finite value. They are in the order of ``history`` (ids, newest first), so that the first
    is the last keep; [] if nothing was kept.

    ``runs`` are all runs, oldest first; `last_verdicts` says which of them decides. Commits in
    ``without`` are left out: those that `states.fallen` finds, in any use but a test.
    """
    verdicts = last_verdicts(runs)
    found = [verdicts[c] for c in history if c in verdicts and c not in without]
    return [run for run in found if run.status == "keep" and _is_measured(run)]


def _is_measured(run: FinishedRun) -> bool:
    """Return whether the value by which a run is compared is a finite number: the mean of the
    series that it ended, else its own metric."""
    value = run.mean_or_value
    return value is not None and math.isfinite(value)


def _is_older(run: FinishedRun) -> bool:
    """Return whether a run with the reason ``unchanged`` was recorded by an old version of
    pytest-ouro, under which this reason never decided about a commit: the record has version 1 and
    does not state the ``incumbent``, the last keep of the branch."""
    return run.version == 1 and run.incumbent is None
