"""The one-sided t-test, without a dependency."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Where the continued fraction ends: at this relative change, or after so many terms.
_CLOSE, _TERMS = 1e-15, 10_000
_TINY = 1e-300


class TTest(NamedTuple):
    """The result of a one-sided t-test of ``n`` values against a threshold: their ``mean``, their
    standard deviation ``sd``, the statistic ``t``, and ``p``, the probability to get a mean so far
    below the threshold, or further, if the true mean is the threshold."""

    n: int
    mean: float
    sd: float
    t: float
    p: float


def compare_below(values: Sequence[float], threshold: float) -> TTest:
    """Return the one-sided one-sample t-test of the hypothesis that the values have a mean of at
    least ``threshold``, against a lower one. There must be two values or more, all finite. If they
    are all equal, ``t`` and ``p`` are -inf and 0 if the values are below the threshold, inf and 1
    if they are above it, and 0 and 0.5 if they are equal to it."""
    n, mean = len(values), statistics.fmean(values)
    sd = statistics.stdev(values)
    if sd == 0:
        below, above = mean < threshold, mean > threshold
        t = -math.inf if below else math.inf if above else 0.0
        return TTest(n, mean, 0.0, t, 0.0 if below else 1.0 if above else 0.5)
    t = (mean - threshold) / (sd / math.sqrt(n))
    return TTest(n, mean, sd, t, cumulate_t(t, n - 1))


def cumulate_t(t: float, freedom: int) -> float:
    """Return the probability that a variable of Student's t distribution with ``freedom`` degrees
    of freedom (1 or more) is at most ``t``."""
    tail = _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2
    return tail if t < 0 else 1 - tail


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), for x from 0 to 1."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # where the continued fraction of the other side is faster
        return 1 - _incomplete_beta(b, a, 1 - x)
    log = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    log += a * math.log(x) + b * math.log1p(-x)
    return math.exp(log) * _fraction(a, b, x) / a


def _fraction(a: float, b: float, x: float) -> float:
    """Return the value of the continued fraction in the incomplete beta function I_x(a, b), by
    Lentz's method."""
    c, d = 1.0, 1 / (_away(1 - (a + b) * x / (a + 1)))
    value = d
    for m in range(1, _TERMS):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away(1 + step * d)
            c = _away(1 + step / c)
            value *= c * d
        if abs(c * d - 1) < _CLOSE:
            break
    return value


def _away(value: float) -> float:
    """Return the value, or a tiny number in place of a value that is nearly 0, for a division."""
    return value if abs(value) > _TINY else _TINY
