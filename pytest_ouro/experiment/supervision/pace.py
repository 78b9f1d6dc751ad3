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
    ``reported``; {} for a report without batches, or of anything else than numbers from 0 to
    ``_MOST``.

    ``batches`` is how many were served, ``before`` how many of these before the clock started, and
    ``tokens`` how many a batch has: ``served``, the tokens of all, divided by the number of
    batches. ``usually`` is the time of one batch, ``longest`` that of the longest. ``slow`` counts
    the first batches up to the last slow one (``SLOW``) of the first 64, 0 without one;
    ``slow-seconds`` is the time of those among them that the clock counts.
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
