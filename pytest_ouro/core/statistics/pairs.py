"""Decide on paired runs: pure functions of the gains of pairs that took no part in the search.

A gain is by how much the later code of a pair is better than the earlier one, in the metric's unit
and positive for better, whichever direction the metric has. Every test is one-sided: ``alpha`` is
the largest probability of a wrong "yes" when the true gain is 0 or less.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.statistics.spread import deviation, mean
from pytest_ouro.core.statistics.student import t_quantile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: The probability that anything is granted or confirmed in a night in which nothing helps.
ALPHA = 0.05
#: The most pairs for which all 2**n sign flips are counted.
MOST_FLIPPED = 20
#: After how many pairs a confirmation looks at the result.
LOOKS = (2, 4, 8)
#: A confirmation is given up at a look where the mean is below this many standard errors.
FUTILE = 0.5

State = Literal["confirmed", "refuted", "undecided"]
#: The two codes of a pair: the earlier and the later one.
Side = Literal["baseline", "tip"]


@dataclass(frozen=True)
class PairStatistics:
    """The number of pairs, the mean of their gains, the standard deviation ``sd`` of one pair's
    gain (with n - 1), and the standard error ``se`` of the mean; ``sd`` and ``se`` are infinite
    for a single pair."""

    n: int
    mean: float
    sd: float
    se: float

    @classmethod
    def of(cls, gains: Sequence[float]) -> PairStatistics:
        """Return the statistics of at least one gain. Raise ValueError if there are none, or if one
        is not finite."""
        if not gains or not all(map(math.isfinite, gains)):
            raise ValueError(f"the gains of pairs must be finite, at least one: {gains!r}")
        n = len(gains)
        sd = deviation(gains) if n > 1 else math.inf
        return cls(n, mean(gains), sd, sd / math.sqrt(n))


@dataclass(frozen=True)
class Grant:
    """The outcome of a test of paired gains: whether it is ``granted``, the mean ``gain`` and its
    standard error ``se``, and the one-sided bounds ``low`` and ``high`` of the true gain, as
    `interval` returns them. ``p_flip`` is the probability of the sign-flip test; None if that was
    not applied."""

    granted: bool
    gain: float
    se: float
    low: float
    high: float
    p_flip: float | None


def draw_orders(count: int, bits: Callable[[int], int]) -> list[Side]:
    """Return which code is run first in each of ``count`` pairs. ``bits`` returns a random number
    of that many bits.

    Each pair is drawn by itself. Two pairs of opposite order would cancel a drift, but noise that
    is like that of the run before then correlates their gains, and too much would be granted.
    """
    return ["tip" if bits(1) else "baseline" for _ in range(count)]


def interval(gains: Sequence[float], alpha: float = ALPHA) -> tuple[float, float]:
    """Return the lower and the upper bound of the true gain, each one-sided at the confidence
    1 - ``alpha``: mean ∓ t · se, with the quantile t of n - 1 degrees of freedom. Together they
    are a central interval at 1 - 2 ``alpha``.

    For one pair they are -inf and inf. Raise ValueError as in `PairStatistics.of`.
    """
    found = PairStatistics.of(gains)
    if found.n < 2:
        return -math.inf, math.inf
    half = _critical(alpha, found.n) * found.se
    return found.mean - half, found.mean + half


def sign_flip(gains: Sequence[float]) -> float | None:
    """Return the exact one-sided probability of the sign-flip test: the share of all 2**n choices
    of signs for which the sum of the gains is at least the observed sum. None for more than
    ``MOST_FLIPPED`` gains.

    It holds for any noise, if the order within each pair was drawn at random (Fisher, The Design of
    Experiments, section 21). Sums that are equal except for rounding count. Raise ValueError as in
    `PairStatistics.of`.
    """
    PairStatistics.of(gains)
    if len(gains) > MOST_FLIPPED:
        return None
    # A sum with the gains of a set turned over is as large if the set's own sum is 0 or less. Each
    # set is one of the first half of the gains, joined with one of the second.
    rounding = len(gains) * 2.3e-16 * math.fsum(map(abs, gains))
    middle = len(gains) // 2
    others = sorted(_subset_sums(gains[middle:]))
    found = sum(bisect_right(others, rounding - one) for one in _subset_sums(gains[:middle]))
    return found * 2.0 ** -len(gains)


def _subset_sums(values: Sequence[float]) -> list[float]:
    """Return the sums of all 2**n subsets, that of the empty one first."""
    sums = [0.0]
    for value in values:
        sums += [total + value for total in sums]
    return sums


def alpha_of_look(look: int, total: float = ALPHA, *, stated: int | None = None) -> float:
    """Return the alpha of a look (from 1 on), such that the looks of a night together grant a gain
    that does not exist with a probability of at most ``total``.

    If the number of looks was ``stated`` before the first one, each gets an equal share. Otherwise
    look j gets total · 6 / (π² j²), shares that add up to ``total`` without end. Raise ValueError
    for a look below 1 or beyond the stated number.
    """
    if look < 1 or (stated is not None and look > stated):
        raise ValueError(f"look {look} of {stated or 'any number'} stated looks")
    return total / stated if stated else total * 6 / (math.pi * look) ** 2


def grant(gains: Sequence[float], alpha: float = ALPHA) -> Grant:
    """Test whether the later code is better than the earlier one, by the gains of fresh pairs.

    It is granted if the lower bound at ``alpha`` (`interval`) is above 0 and, where 2**-n is at
    most ``alpha`` and n at most ``MOST_FLIPPED``, the probability of `sign_flip` is at most
    ``alpha``. One pair is never granted; nor are gains that are all equal, as those of a coarse
    metric may be by chance, unless 2**-n is at most ``alpha``: without a spread only the signs
    tell. Raise ValueError as in `PairStatistics.of`.
    """
    found = PairStatistics.of(gains)
    low, high = interval(gains, alpha)
    tells = found.sd > 1e-9 * abs(found.mean) or 2.0**-found.n <= alpha
    granted = found.n > 1 and low > 0 and tells
    p_flip = sign_flip(gains) if 2.0**-found.n <= alpha else None
    if p_flip is not None and p_flip > alpha:
        granted = False
    return Grant(granted, found.mean, found.se, low, high, p_flip)


def confirm(gains: Sequence[float], alpha: float = ALPHA, looks: Sequence[int] = LOOKS) -> State:
    """Decide about one edit, by the ``gains`` of its fresh pairs so far, in the order in which they
    were measured.

    After each number of pairs in ``looks`` (ascending), the first so many gains are tested at
    ``alpha`` divided by the number of looks. It is "confirmed" at the first look that is granted
    (`grant`), and "refuted" at one where the mean is 0 or less, or below ``FUTILE`` standard
    errors, or at the last look; until then it is "undecided". Later gains change nothing. Raise
    ValueError if a tested gain is not finite, or if ``looks`` is empty, does not ascend or begins
    below 2.
    """
    if not looks or looks[0] < 2 or any(a >= b for a, b in pairwise(looks)):
        raise ValueError(f"looks must ascend from 2 or more: {looks!r}")
    for look in looks:
        if look > len(gains):
            return "undecided"
        found = grant(gains[:look], alpha / len(looks))
        if found.granted:
            return "confirmed"
        if found.gain <= 0 or found.gain < FUTILE * found.se:
            return "refuted"
    return "refuted"


def confirm_no_worse(
    gains: Sequence[float],
    margin: float,
    alpha: float = ALPHA,
    looks: Sequence[int] = LOOKS,
) -> State:
    """Decide about one edit that makes the code smaller and claims no gain: whether it loses no
    more than ``margin``, and is not shown to be worse. ``gains`` are those of its fresh pairs so
    far.

    After each number of pairs in ``looks`` (ascending, from 2), the first so many gains are tested
    at ``alpha`` divided by the number of looks. It is "refuted" at the first look at which the true
    gain is shown to be below 0, be it by less than the margin. It is "confirmed" at one at which it
    is shown to be above -``margin``, both by the test of `grant`, if the mean is not below 0 or no
    look is left; without a margin, also where so many gains are all 0 that equal ones would be
    granted. Otherwise it is "undecided", also after the last look. Raise ValueError if a tested
    gain is not finite, or if ``margin`` is negative or NaN; ZeroDivisionError if ``looks`` is
    empty.
    """
    if not margin >= 0:
        raise ValueError(f"no margin: {margin}")
    share = alpha / len(looks)
    for look in looks:
        if look > len(gains):
            return "undecided"
        seen = gains[:look]
        if grant([-gain for gain in seen], share).granted:
            return "refuted"
        equal = not any(seen) and 2.0**-look <= share
        is_no_worse = grant([gain + margin for gain in seen], share)
        seems_worse = is_no_worse.gain < margin and look != looks[-1]
        if equal or (is_no_worse.granted and not seems_worse):
            return "confirmed"
    return "undecided"


def detectable(sd: float, pairs: int, alpha: float = ALPHA, power: float = 0.8) -> float:
    """Return the smallest true gain that `grant` grants with the probability ``power``, if the gain
    of one pair has the standard deviation ``sd`` and normal noise; inf for fewer than two pairs.

    It is ``sd`` times a factor that is simulated with a fixed seed, to about one percent: without
    the sign-flip test it is near (t at 1 - alpha + t at power) / sqrt(pairs). Raise ValueError if
    ``sd`` is negative or not a number, or if ``alpha`` or ``power`` is not between 0 and 1.
    """
    if not sd >= 0 or not 0 < alpha < 1 or not 0 < power < 1:
        raise ValueError(f"nothing to detect: sd={sd}, alpha={alpha}, power={power}")
    if pairs < 2:
        return math.inf
    return sd * _detectable_factor(pairs, alpha, power)


@lru_cache(maxsize=256)
def _detectable_factor(pairs: int, alpha: float, power: float) -> float:
    """Return the smallest true gain that is granted with the probability ``power``, in standard
    deviations of one pair's gain: over simulated sets of pairs, the quantile at ``power`` of the
    smallest gain with which each set would be granted."""
    import random

    draw = random.Random(f"{pairs} {alpha} {power}").gauss
    # Beyond ten pairs the sign-flip test agrees with the t test, and is slow to simulate.
    flips = 2.0**-pairs <= alpha and pairs <= 10
    count = 4000 if not flips or pairs < 8 else 1000
    needed = []
    for _ in range(count):
        gains = [draw(0, 1) for _ in range(pairs)]
        least = -interval(gains, alpha)[0]
        needed.append(max(least, _least_shift(gains, alpha)) if flips else least)
    return sorted(needed)[math.ceil(power * count) - 1]


def _least_shift(gains: Sequence[float], alpha: float) -> float:
    """Return the smallest number that, added to each of the ``gains``, makes their `sign_flip` at
    most ``alpha``: then at most floor(alpha · 2**n) of the subsets, with the empty one, have a mean
    of 0 or less."""
    sums = _subset_sums(gains)
    sizes = [0]
    for _ in gains:
        sizes += [size + 1 for size in sizes]
    means = sorted(total / size for total, size in zip(sums[1:], sizes[1:], strict=True))
    return -means[math.floor(alpha * len(sums)) - 1]


@lru_cache(maxsize=256)
def _critical(alpha: float, n: int) -> float:
    """Return the quantile of Student's t at 1 - ``alpha`` for the gains of ``n`` pairs."""
    return -t_quantile(alpha, n - 1)
