"""Measure how fast the machine is at the moment, by a fixed computation in the supervisor's own
process, which no script can influence by its code."""

from __future__ import annotations

import hashlib
import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The memory that the computation goes through, more than most caches of one core hold.
_BLOCK = bytes(4 << 20)
#: How often it does, in each of the measurements whose median counts.
_PASSES, _MEASUREMENTS = 3, 5


def probe_speed() -> float:
    """Return how often per CPU second of this process a fixed computation can be made now; it takes
    about a tenth of a second. It goes through some megabytes of memory, and runs a loop of
    Python."""
    seconds = sorted(_measure_once() for _ in range(_MEASUREMENTS))
    return 1 / seconds[_MEASUREMENTS // 2]


def _measure_once() -> float:
    """Return the CPU seconds of one computation."""
    begin = time.process_time()
    for _ in range(_PASSES):
        hashlib.sha1(_BLOCK, usedforsecurity=False).digest()
    total = 0
    for number in range(40_000):
        total += number * number
    return max(time.process_time() - begin, 1e-9)


def combine(speeds: Sequence[float]) -> float | None:
    """Return the geometric mean of the speeds before and after a run; None if there are none."""
    return math.exp(math.fsum(map(math.log, speeds)) / len(speeds)) if speeds else None
