"""Sum up simulated nights: means and shares, each with the interval that simulation leaves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.core.statistics.spread import deviation, mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_ouro.experiment.verdict.simulate import Night

#: The quantile of the normal distribution for a central interval of 95 %.
_Z = 1.959963984540054


class Estimate(NamedTuple):
    """A number that was estimated, and its central 95 % interval. All three are NaN if there was
    nothing to estimate it from."""

    value: float
    low: float
    high: float


class Summary(NamedTuple):
    """The result of many simulated nights: means per night, and shares of nights.

    ``kept``, ``false``, ``claimed``, ``true``, ``confirmed`` and ``falsely`` are means of the
    fields of `Night`; ``fewest`` and ``most`` are the ends of the central 95 % of the number kept
    in a night, and ``keeping`` is the share of nights with a keep. ``granted`` is the share of all
    nights whose certificate is granted. ``bias`` is the mean of the certified gain less the true
    one, over the nights with a certificate, granted or not; ``bias_granted`` is that over the
    granted ones, and ``low_granted`` the mean there of the lower bound less the true gain.
    ``placebos_kept`` is the share of placebos that would have been kept.
    """

    nights: int
    kept: Estimate
    fewest: int
    most: int
    keeping: Estimate
    false: Estimate
    claimed: Estimate
    true: Estimate
    granted: Estimate
    bias: Estimate
    bias_granted: Estimate
    low_granted: Estimate
    confirmed: Estimate
    falsely: Estimate
    placebos_kept: Estimate


def summarise(nights: Sequence[Night]) -> Summary:
    """Return the summary of at least one simulated night; IndexError without one."""
    found = [(night.certificate, night.true) for night in nights if night.certificate]
    granted = [(one, true) for one, true in found if one.granted]
    kept = sorted(night.kept for night in nights)

    def average(value: Callable[[Night], float]) -> Estimate:
        """Return the mean of a value over the nights."""
        return estimate_mean([value(night) for night in nights])

    return Summary(
        nights=len(nights),
        kept=average(lambda night: night.kept),
        fewest=kept[math.floor(0.025 * (len(kept) - 1))],
        most=kept[math.ceil(0.975 * (len(kept) - 1))],
        keeping=estimate_share(sum(one > 0 for one in kept), len(kept)),
        false=average(lambda night: night.false),
        claimed=average(lambda night: night.claimed),
        true=average(lambda night: night.true),
        granted=estimate_share(len(granted), len(nights)),
        bias=estimate_mean([one.gain - true for one, true in found]),
        bias_granted=estimate_mean([one.gain - true for one, true in granted]),
        low_granted=estimate_mean([one.low - true for one, true in granted]),
        confirmed=average(lambda night: night.confirmed),
        falsely=average(lambda night: night.falsely),
        placebos_kept=estimate_share(
            sum(night.placebos_kept for night in nights), sum(night.placebos for night in nights)
        ),
    )


def estimate_mean(values: Sequence[float]) -> Estimate:
    """Return the mean of values, ± 1.96 standard errors; for a single value from -inf to inf; all
    NaN without values."""
    if not values:
        return Estimate(math.nan, math.nan, math.nan)
    middle = mean(values)
    half = _Z * deviation(values) / math.sqrt(len(values)) if len(values) > 1 else math.inf
    return Estimate(middle, middle - half, middle + half)


def estimate_share(count: int, total: int) -> Estimate:
    """Return ``count`` / ``total`` with Wilson's interval of 95 % (Journal of the American
    Statistical Association 22, 1927); all NaN if ``total`` is 0."""
    if not total:
        return Estimate(math.nan, math.nan, math.nan)
    share, part = count / total, _Z**2 / total
    middle = (share + part / 2) / (1 + part)
    half = _Z * math.sqrt(share * (1 - share) / total + part / total / 4) / (1 + part)
    return Estimate(share, max(0.0, middle - half), min(1.0, middle + half))
