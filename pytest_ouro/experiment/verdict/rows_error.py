"""The standard error that a paired difference has because other rows could have been judged.

It is for claims beyond these rows, and is not a test by itself: two runs of one code with other
seeds differ on all rows alike, so that such a test calls pure changes of seeds real. Only several
salts show how much of a difference is due to training.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.child.losses.file import RowLosses

#: The fewest pairs, each on a salt of its own, for which the error is given.
FEWEST = 2


def rows_standard_error(pairs: Sequence[tuple[RowLosses, RowLosses]]) -> float | None:
    """Return the standard error, in bits per byte, of the mean difference of these pairs that is
    due to the choice of the rows; None for fewer than `FEWEST` pairs, if the runs do not have the
    same rows, if they have fewer than two or no bytes, or if a loss is not finite.

    Each pair has the losses of two runs with one salt. All runs share the rows, so that their
    losses are averaged over the pairs first; then it is `paired_error`.
    """
    if len(pairs) < FEWEST:
        return None
    first = pairs[0][0]
    runs = [run for pair in pairs for run in pair]
    if any(not _same_rows(run, first) for run in runs):
        return None
    apart = [difference(*pair) for pair in pairs]
    means = [math.fsum(values) / len(pairs) for values in zip(*apart, strict=True)]
    return paired_error(means, first.row_bytes)


def _same_rows(one: RowLosses, other: RowLosses) -> bool:
    """Return whether the losses are on the same rows, with the same bytes."""
    return [*one.rows] == [*other.rows] and one.row_bytes == other.row_bytes


def difference(one: RowLosses, other: RowLosses) -> list[float]:
    """Return by how many nats the loss of each row of ``one`` exceeds that of ``other``, which must
    have the same rows."""
    return [a - b for a, b in zip(one.row_nats, other.row_nats, strict=True)]


@dataclass(frozen=True)
class Gap:
    """By how much the gain on the scored rows exceeds that on the vault's, ``gap``, in bits per
    byte; its standard error ``se``, its one-sided bounds ``low`` and ``high``, and the smallest gap
    that as many rows show in 4 of 5 cases (``detectable``). ``gain`` is that on the scored
    rows."""

    gain: float
    gap: float
    se: float
    low: float
    high: float
    detectable: float


def find_gap(
    scored: tuple[RowLosses, RowLosses], vault: tuple[RowLosses, RowLosses], alpha: float
) -> Gap | None:
    """Compare the gain of a later run over an earlier one on the scored rows with that on the
    vault's. Return None if the two runs do not have the same rows, or where `paired_error` returns
    None.

    Both arguments have the losses of the earlier and of the later run. The noise of training is in
    both gains alike, so that the gap varies by the choice of the rows alone: its variance is the
    sum of the two squared standard errors. Each bound is beyond the true gap with the probability
    ``alpha``, by the normal distribution.
    """
    from statistics import NormalDist  # for a look alone: it imports much

    gains, squares = [], 0.0
    for earlier, later in (scored, vault):
        if not _same_rows(earlier, later):
            return None
        sizes, apart = earlier.row_bytes, difference(earlier, later)
        error = paired_error(apart, sizes)
        if error is None:
            return None
        gains.append(math.fsum(apart) / (sum(sizes) * math.log(2)))
        squares += error**2
    gap, se = gains[0] - gains[1], math.sqrt(squares)
    wide = -NormalDist().inv_cdf(alpha) * se
    smallest = wide + NormalDist().inv_cdf(0.8) * se
    return Gap(gains[0], gap, se, gap - wide, gap + wide, smallest)


def paired_error(nats: Sequence[float], num_bytes: Sequence[int]) -> float | None:
    """Return the standard error of a difference in bits per byte, with rows as the sample; None for
    fewer than two rows, without bytes, or if a number is not finite.

    ``nats`` has the difference of each row, d_i, and ``num_bytes`` its bytes, b_i. By the delta
    method for a ratio of two sums it is the root of n · var_i(d_i - δ · b_i) / (B · ln 2)², with
    B the sum of the bytes and δ the sum of the differences divided by B.
    """
    total, n = sum(num_bytes), len(nats)
    if n < 2 or not total or not all(map(math.isfinite, nats)):
        return None
    slope = math.fsum(nats) / total
    squares = math.fsum((d - slope * b) ** 2 for d, b in zip(nats, num_bytes, strict=True))
    return math.sqrt(n * squares / (n - 1)) / (total * math.log(2))
