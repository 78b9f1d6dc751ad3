"""The mean and the spread of a few numbers.

The module `statistics` computes the same, but its import costs a tenth of a short run.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def mean(values: Sequence[float]) -> float:
    """Return the mean of at least one value; ZeroDivisionError if there is none."""
    return math.fsum(values) / len(values)


def deviation(values: Sequence[float]) -> float:
    """Return the standard deviation of one run's value, estimated from at least two ``values``
    (with n - 1). ZeroDivisionError for fewer."""
    middle = mean(values)
    apart = [value - middle for value in values]
    rounded = mean(apart)  # what the mean lacks of the exact one
    return math.hypot(*(one - rounded for one in apart)) / math.sqrt(len(apart) - 1)
