"""Find the value that a run is compared with, which is that of the last keep by one or several runs
of it, and the share of the noise that both have in common by their salt."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.evidence.records.verdicts import mean_with
from pytest_ouro.experiment.verdict.repeats import why_dependent
from pytest_ouro.experiment.verdict.search_salt import Draws, compare_draws, find_reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.evidence.records.run_record import FinishedRun, MeasuredRun
    from pytest_ouro.evidence.records.statement import Statement

#: The purposes of further runs of a keep's code, each with a salt of its own.
FURTHER = ("placebo", "reference")


class Reference(NamedTuple):
    """The ``value`` of a keep, the mean of ``size`` independent runs. ``runs`` are their ids, () if
    it is the value by which the keep was kept. ``draws`` says how far the compared run drew the
    same random numbers, "" if it has another salt, or nothing tells."""

    value: float
    size: int
    runs: tuple[str, ...] = ()
    draws: Draws = ""


def weigh_reference(
    kept: FinishedRun, past: Sequence[FinishedRun], measured: MeasuredRun
) -> Reference:
    """Return what ``measured`` is compared with. ``kept`` is the last keep, which has a value, and
    ``past`` are the comparable runs, oldest first.

    If the keep was last measured again with the salt of ``measured``, that run alone counts, since
    noise that follows from the salt is then in both. Otherwise the mean of the keep and all its
    further runs counts, unless they are not independent (`why_dependent`): then the keep alone.
    """
    assert kept.mean_or_value is not None
    latest = find_reference(kept, past)
    if latest is not None and latest.value is not None and _share_salt(latest, measured):
        draws = compare_draws(latest.generators, measured.generators)
        return Reference(latest.value, 1, (latest.run,), draws)
    further = [
        run
        for run in past
        if run.purpose in FURTHER and run.commit == kept.commit and run.value is not None
    ]
    if further and not why_dependent([kept, *further]):
        return Reference(*mean_with(kept, further), tuple(run.run for run in (kept, *further)))
    draws = compare_draws(kept.generators, measured.generators)
    alone = Reference(kept.mean_or_value, kept.independent_runs)
    return alone._replace(draws=draws) if _share_salt(kept, measured) else alone


def _share_salt(one: MeasuredRun, other: MeasuredRun) -> bool:
    """Return whether two runs had the same salt, and neither is one of several repeats, whose mean
    is over several salts."""
    return one.salt == other.salt and one.series is None and other.series is None


def find_shared(statements: Sequence[Statement], past: Sequence[FinishedRun]) -> float:
    """Return the share of the variance of a run that two runs with one salt have in common, by the
    last calibration under the conditions of ``past``, the comparable runs; 0 if there is none."""
    plans = {run.plan for run in past if run.plan}
    for one in reversed(statements):
        if one.event == "calibration" and one.shared is not None and one.plan in plans:
            return one.shared
    return 0.0
