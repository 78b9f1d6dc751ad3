"""Student's t distribution: its cumulative probability, and the value at a given probability.

Both agree with ``scipy.stats.t`` to a relative 1e-9, which a test checks. scipy is not a dependency
of the package.
"""

from __future__ import annotations

import math
from functools import lru_cache

#: Degrees of freedom from which the normal distribution differs by less than 1e-9 (below t = 90).
_NORMAL_FROM = 1e16
#: The relative error at which a series or a search ends.
_PRECISION = 1e-15
#: The root of the largest number that may be squared.
_HUGE = 1e150
#: The smallest number that a continued fraction may hold in place of 0.
_TINY = 1e-300


def t_cdf(t: float, df: float) -> float:
    """Return the probability that a t-distributed number is at most ``t``, for ``df`` degrees of
    freedom (any number above 0, or infinity, which is the normal distribution).

    It is half of the regularized incomplete beta function at df / (df + t²) with the parameters
    df/2 and 1/2, or one less that for a positive ``t`` (Abramowitz and Stegun 26.7.1). Small
    probabilities of a negative ``t`` are accurate; for an upper tail, negate ``t``. Raise
    ValueError if ``df`` is not above 0, or if one of the two is NaN.
    """
    if not df > 0 or math.isnan(t):
        raise ValueError(f"no t distribution: t={t}, degrees of freedom {df}")
    lower = _lower_tail(abs(t), df)
    return lower if t < 0 else 1 - lower


@lru_cache(maxsize=4096)
def t_quantile(p: float, df: float) -> float:
    """Return the value below which a t-distributed number with ``df`` degrees of freedom lies with
    the probability ``p``: the inverse of `t_cdf`. It is -inf for 0 and inf for 1.

    A small ``p`` is used with full precision; for a small upper tail a, negate the value at a
    rather than ask for 1 - a. Raise ValueError if ``p`` is not between 0 and 1 or ``df`` not
    above 0.
    """
    if not 0 <= p <= 1 or not df > 0:
        raise ValueError(f"no t distribution: probability {p}, degrees of freedom {df}")
    if p in (0, 1):
        return math.inf if p else -math.inf
    if p == 0.5:
        return 0.0
    return -_upper_value(p, df) if p < 0.5 else _upper_value(1 - p, df)


def _upper_value(tail: float, df: float) -> float:
    """Return the positive value that is exceeded with the probability ``tail``, below 0.5: the root
    of the logarithm of the tail, by Newton's steps that are kept between two bounds. It is inf if
    no float is large enough."""
    low, high = 0.0, 1.0
    while _lower_tail(high, df) > tail:
        low, high = high, high * 2
        if math.isinf(high):
            return high
    value = (low + high) / 2
    for _ in range(200):
        found = _lower_tail(value, df)
        low, high = (value, high) if found > tail else (low, value)
        slope = math.exp(_log_density(value, df)) / found if found else 0.0
        step = math.log(found / tail) / slope if slope and found else math.inf
        following = value + step if low < value + step < high else (low + high) / 2
        if abs(following - value) <= _PRECISION * value:
            return following
        value = following
    return value


def _lower_tail(t: float, df: float) -> float:
    """Return the probability of a value below -``t``, for ``t`` of 0 or more."""
    if df >= _NORMAL_FROM:
        return math.erfc(t / math.sqrt(2)) / 2
    ratio = t / math.sqrt(df)
    if ratio > _HUGE:  # its square is more than a float can hold
        return math.exp(-df * math.log(ratio) - math.log(df / 2) - _log_beta(df / 2)) / 2
    x = 1 / (1 + ratio * ratio)
    y = ratio * ratio * x  # 1 - x, without its rounding
    if y == 0:
        return 0.5
    a = df / 2
    front = math.exp(-a * math.log1p(ratio * ratio) + math.log(y) / 2 - _log_beta(a))
    if x < (a + 1) / (a + 2.5):
        return front / _fraction(x, y, a, 0.5) / 2
    return 0.5 - front / _fraction(y, x, 0.5, a) / 2


def _log_density(t: float, df: float) -> float:
    """Return the logarithm of the density at ``t``, which is 0 or more."""
    if df >= _NORMAL_FROM:
        return -(t * t + math.log(2 * math.pi)) / 2
    ratio = t / math.sqrt(df)
    log_x = -2 * math.log(ratio) if ratio > _HUGE else -math.log1p(ratio * ratio)
    return (df + 1) / 2 * log_x - math.log(df) / 2 - _log_beta(df / 2)


def _log_beta(a: float) -> float:
    """Return the logarithm of the beta function of ``a`` and 1/2.

    From 20 on, the difference of the two gammas is a series in 1/a (Abramowitz and Stegun 6.1.40,
    subtracted), since the gammas themselves would lose digits.
    """
    half = math.log(math.pi) / 2  # of gamma(1/2)
    if a < 20:
        return half + math.lgamma(a) - math.lgamma(a + 0.5)
    inverse = 1 / a
    square = inverse * inverse
    series = inverse * (-1 / 8 + square * (1 / 192 - square * (1 / 640 - square * 17 / 14336)))
    return half - math.log(a) / 2 - series


def _fraction(x: float, y: float, a: float, b: float) -> float:
    """Return x^a y^b divided by the incomplete beta function of ``x``, with ``y`` = 1 - x, as a
    continued fraction, by Lentz's method. It converges fast for ``x`` below (a + 1) / (a + b + 2).

    It is the even part of Abramowitz and Stegun 26.5.8, as in DiDonato and Morris, ACM TOMS 18
    (1992), equation 9, in which nothing cancels for a large ``a``.
    """
    result = c = _not_zero(a * (a * y - b * x + 1) / (a + 1))
    d = 0.0
    m = 0
    while True:
        m += 1
        odd = a + 2 * m - 1
        over = (a + m - 1) * (a + b + m - 1) * m * (b - m) * (x / odd) ** 2
        under = m + m * (b - m) * x / odd + (a + m) * (a * y - b * x + 1 + m * (1 + y)) / (odd + 2)
        d = 1 / _not_zero(under + over * d)
        c = _not_zero(under + over / c)
        result *= c * d
        if abs(c * d - 1) < _PRECISION:
            return result


def _not_zero(value: float) -> float:
    """Return ``value``, or a tiny number in place of one that is too near to 0 to divide by."""
    return value if abs(value) > _TINY else _TINY
