"""The result of a comparison: how much the candidate and the reference took, by robust statistics
with their errors. Pure functions of the amounts."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The standard deviation of a normal distribution, in units of its median absolute deviation:
#: 1 / NormalDist().inv_cdf(0.75).
_NORMAL = 1.482602218505602
#: By how much the median absolute deviation of 2, 3, … normal values is too small (Croux and
#: Rousseeuw, *Time-efficient algorithms for two highly robust estimators of scale*, 1992); n
#: further values make it n / (n - 0.8).
_SMALL = {2: 1.196, 3: 1.495, 4: 1.363, 5: 1.206, 6: 1.200, 7: 1.140, 8: 1.129, 9: 1.107}
#: The standard error of a median of many normal values, in units of that of their mean.
_MEDIAN = math.sqrt(math.pi / 2)


class Estimate(NamedTuple):
    """A number and its standard error."""

    value: float
    error: float


def median(values: Sequence[float]) -> Estimate:
    """Return the median of at least one value, with a robust standard error: √(π/2) times the
    median absolute deviation, scaled to a normal distribution, over √n.

    If more than half of the values are equal, so that this deviation is 0, the standard deviation
    is in its place: the error is 0 only if all are equal. It is infinite for a single value. Raise
    ValueError without a value.
    """
    middle, n = statistics.median(values), len(values)
    if n < 2:
        return Estimate(middle, math.inf)
    deviation = statistics.median(abs(value - middle) for value in values)
    small = _SMALL.get(n, n / (n - 0.8))
    spread = _NORMAL * small * deviation if deviation else statistics.stdev(values)
    return Estimate(middle, _MEDIAN * spread / math.sqrt(n))


def log_ratio(rounds: Sequence[Round]) -> Estimate:
    """Return the logarithm of the candidate's amount over the reference's, with its standard error;
    ``rounds`` must not be empty.

    In each round it is the logarithm of the two amounts' ratio. The median of the rounds in which
    the reference was first, and that of the others, are taken apart, and their mean is returned, so
    that what the second place costs cancels. Without rounds of both orders it is the median of all.
    """
    orders: dict[bool, list[float]] = {}
    for one in rounds:
        orders.setdefault(one.reference_first, []).append(math.log(one.candidate / one.reference))
    medians = [median(logs) for logs in orders.values()]
    error = math.sqrt(sum(one.error**2 for one in medians)) / len(medians)
    return Estimate(statistics.mean(one.value for one in medians), error)


class Round(NamedTuple):
    """The amounts of one round, both above 0, and whether the reference was measured first."""

    reference: float
    candidate: float
    reference_first: bool


@dataclass(frozen=True)
class Comparison:
    """What a candidate took beside a reference, in ``rounds`` of one measurement of each."""

    rounds: tuple[Round, ...]

    @property
    def ratio(self) -> Estimate:
        """The candidate's amount over the reference's, below 1 for a faster candidate, with its
        standard error. It hardly depends on the speed of the machine: see `log_ratio`."""
        logarithm = log_ratio(self.rounds)
        ratio = math.exp(logarithm.value)
        return Estimate(ratio, ratio * logarithm.error)

    @property
    def candidate(self) -> Estimate:
        """The median of the candidate's amounts, with its standard error."""
        return median([one.candidate for one in self.rounds])

    @property
    def reference(self) -> Estimate:
        """The median of the reference's amounts, with its standard error."""
        return median([one.reference for one in self.rounds])

    def report(self, name: str, *, factor: float = 1.0, work: float | None = None) -> str:
        """Return lines ``key: value`` for an evaluation to print: ``NAME``, what the candidate took
        (seconds or instructions); ``NAME_error``, its standard error; ``NAME_reference``, what the
        reference took; ``NAME_ratio`` and ``NAME_ratio_error``. The first three are multiplied by
        ``factor``. Numbers have at most six significant digits.

        With ``work``, amounts are seconds, and the lines state how much of that work is done in a
        second: ``NAME`` is ``work`` over the seconds, times ``factor``, and ``NAME_ratio`` is above
        1 for a faster candidate.
        """
        mine, other, ratio = self.candidate, self.reference, self.ratio
        if work is not None:
            mine, other, ratio = (
                _inverse(mine, work), _inverse(other, work), _inverse(ratio, 1.0),
            )  # fmt: skip
        facts = {
            name: mine.value * factor,
            f"{name}_error": mine.error * factor,
            f"{name}_reference": other.value * factor,
            f"{name}_ratio": ratio.value,
            f"{name}_ratio_error": ratio.error,
        }
        return "\n".join(f"{key}: {value:.6g}" for key, value in facts.items())


def _inverse(estimate: Estimate, numerator: float) -> Estimate:
    """Return ``numerator`` over an estimate, with the same relative error."""
    value = numerator / estimate.value
    return Estimate(value, value * estimate.error / estimate.value)
