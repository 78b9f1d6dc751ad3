"""Sum up how the training batches of a run went, as the script's process reports it."""

from __future__ import annotations

import math

#: A batch of this many times the usual length is slow: it compiles, or it is not counted.
SLOW = 3.0
#: Seconds below which no batch is slow.
_SHORT = 0.02
#: A script may report anything: numbers above this are not believed.
_MOST = 1e12


def summarise(reported: object, served: int) -> dict[str, float]:
    """Return the pace of a run, with times in seconds, from what `Pace.facts` of the child's hooks
    ``reported``; {} if the report lacks a number, has no batches, or has a number below 0 or of
    ``_MOST`` or more.

    ``batches`` is the number of batches served, ``before`` how many of these were served before the
    clock started. ``tokens`` is the number of tokens in a batch: ``served``, the tokens of all
    batches, divided by ``batches`` and rounded down. ``usually`` is the mean time of the batches
    after the first 64 or, if there are none, the median of all; ``longest`` is the time of the
    longest. A batch is slow if it took more than ``SLOW`` times the usual time, and more than
    ``_SHORT`` seconds. ``slow`` is the place, from 1, of the last slow batch among the first 64,
    except the last batch of all; 0 if none is slow. ``slow-seconds`` is the time of the batches up
    to that place, without those before the clock started.
    """
    if not isinstance(reported, dict):
        return {}
    try:
        first = [float(length) for length in reported["first"][:64]]
        later, longest = float(reported["later"]), float(reported["longest"])
        batches, before = int(reported["batches"]), int(reported["before"])
    except (LookupError, TypeError, ValueError, OverflowError):
        return {}
    numbers = [*first, later, longest, batches, before]
    if not first or batches < 1 or not all(0 <= one < _MOST for one in numbers):
        return {}
    import statistics  # a command has no batches

    rest = batches - len(first)
    usual = later / rest if rest > 0 else statistics.median(first)
    limit = max(SLOW * usual, _SHORT)
    slow = max((n for n, length in enumerate(first, start=1) if length > limit), default=0)
    if slow == len(first) and rest <= 0:  # the last one may have done the work of the end
        slow = max((n for n, length in enumerate(first[:-1], start=1) if length > limit), default=0)
    facts = {
        "batches": batches,
        "before": before,
        "tokens": served // batches,
        "usually": usual,
        "longest": longest,
        "slow": slow,
        "slow-seconds": math.fsum(first[before:slow]),
    }
    return {name: round(value, 3) for name, value in facts.items()}
