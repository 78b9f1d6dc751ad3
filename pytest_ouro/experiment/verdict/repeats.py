"""Collect the repeats of one commit, and find those that are not independent measurements."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.statistics.spread import deviation, mean
from pytest_ouro.experiment.verdict.history import differences

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_ouro.core.metric import Metric
    from pytest_ouro.evidence.records.run_record import MeasuredRun

_SAME_DRAWS = "the repeats drew the same random numbers from {} although their salts differ"
_SAME_VALUES = "the repeats measured exactly the same value: it does not depend on the salted seeds"


@dataclass(frozen=True)
class Repeats:
    """The measured values of one series of runs of one commit, at least two; ``counts_as_one`` says
    why they are not independent, "" if they may be."""

    values: tuple[float, ...]
    counts_as_one: str = ""

    @property
    def mean(self) -> float:
        """The mean of the values."""
        return mean(self.values)

    @property
    def sd(self) -> float:
        """The standard deviation of the value of a single run, not of the mean, estimated from
        ``values`` (with n − 1)."""
        return deviation(self.values)

    @property
    def independent(self) -> int:
        """The number of independent runs that the values count as: the number of values, but 1 if
        they are not independent."""
        return 1 if self.counts_as_one else len(self.values)

    def line(self, commit: str, metric: Metric) -> str:
        """Return the line ``ouro: repeat n=3 mean=… sd=… commit=…``, whose form does not change,
        for people and agents to grep for; numbers as ``metric`` writes them, and the first seven
        digits of ``commit``."""
        return (
            f"ouro: repeat n={len(self.values)} mean={metric.text(self.mean)} "
            f"sd={metric.text(self.sd)} commit={commit[:7]}"
        )

    @property
    def warning(self) -> str:
        """A line that says why the repeats count as one run; "" if they may be independent."""
        if not self.counts_as_one:
            return ""
        worth = "their spread says nothing about noise, and they count as one run"
        return f"ouro: {self.counts_as_one}: {worth}"


def find_repeats(runs: Iterable[MeasuredRun], series: str | None) -> Repeats | None:
    """Return the repeats of a series so far; None if ``series`` is None, or if fewer than two
    values remain.

    Left out are runs without a value, and runs that differ in a condition from the last run of the
    series that has a value. ``runs`` are oldest first.
    """
    if series is None:
        return None
    measured = [run for run in runs if run.series == series and run.value is not None]
    measured = [run for run in measured if not differences(run, measured[-1])]
    if len(measured) < 2:
        return None
    values = tuple(run.value for run in measured if run.value is not None)
    return Repeats(values, why_dependent(measured))


def independent(runs: Sequence[MeasuredRun]) -> list[MeasuredRun]:
    """Return ``runs`` in their order, without those that belong to a series whose repeats are not
    independent (`Repeats.counts_as_one`). Runs that belong to no series stay."""
    series: dict[str, list[MeasuredRun]] = {}
    for run in runs:
        if run.series:
            series.setdefault(run.series, []).append(run)
    found = {name: find_repeats(own, name) for name, own in series.items()}
    alike = {name for name, repeats in found.items() if repeats and repeats.counts_as_one}
    return [run for run in runs if run.series not in alike]


def why_dependent(runs: Sequence[MeasuredRun]) -> str:
    """Return why two or more measured runs of one commit with different salts are not independent,
    as a text; "" if they may be.

    Repeats are not independent if two of them report the same state of a random generator, or if
    they are runs of a script and all their values are equal: the script has no randomness, or hides
    its seeds, and in both cases the values say nothing about noise. Equal values of a command's
    runs do not show that, since the command need not use the salt that it gets; nor do equal scores
    that were rounded.
    """
    digests = Counter(digest for run in runs for digest in run.generators.items())
    libraries = [name.partition(" at ")[0] for (name, _), count in digests.items() if count > 1]
    libraries = [name for name in libraries if not name.endswith(" draws")]  # their seed says it
    if libraries:
        names = " and ".join(f"{name}'s generator" for name in dict.fromkeys(libraries))
        return _SAME_DRAWS.format(names)
    return why_equal(runs) if all(run.evaluations for run in runs) else ""


def why_equal(runs: Sequence[MeasuredRun]) -> str:
    """Return a text that says that all values of two or more runs with different salts are equal;
    "" if they are not, or if one of them is a rounded score."""
    exact = not any(run.is_rounded for run in runs)
    return _SAME_VALUES if exact and len({run.value for run in runs}) == 1 else ""
