"""Time by training batches: how long each took (`Pace`), and the clock that they alone advance
(`StepClock`)."""

from __future__ import annotations

import functools
import os
import sys
import time
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: How many of the first batches have their own length reported.
_FIRST = 32

#: A second of the virtual clock in its ticks. Sums and differences of times that are whole ticks
#: are exact as floats, so that a budget is neither missed nor passed by rounding.
_TICKS = 1 << 20

#: The seconds that each function of ``time`` returns, and its form in nanoseconds, while the
#: virtual clock is at 0. For ``time`` that is 1 January 2026; none is 0, which some scripts take
#: for a time that is not set yet.
_BEGINS = {
    "time": 1_767_225_600,
    "monotonic": 1000,
    "perf_counter": 1000,
    "process_time": 1,
    "thread_time": 1,
}

#: Packages whose calls get the machine's time, besides the standard library and this one: their
#: time limits would never pass otherwise.
_REAL = frozenset({*sys.stdlib_module_names, "torch", "triton", __name__.partition(".")[0]})


class Pace:
    """The lengths of the training batches in seconds, each from the time when a batch is served to
    the next, or to the end of training.

    They are claims of the script's process, and used in messages and the report alone. ``batches``
    counts all batches, ``before`` those that were served before the clock of the budget started.
    """

    def __init__(self) -> None:
        self.batches = 0
        self.before = 0
        self._first: list[float] = []
        self._later, self._longest, self._last = 0.0, 0.0, 0.0

    def serve(self) -> bool:
        """Note that a batch is served now, which ends the one before; return whether it is time for
        a report: at the batches 4, 16, 64, …"""
        self._end_batch()
        self.batches += 1
        power_of_two = self.batches & (self.batches - 1) == 0
        return self.batches > 2 and power_of_two and self.batches.bit_length() % 2 == 1

    def _end_batch(self) -> None:
        """Add the length, up to now, of the batch that was served last, if there is one; the next
        length counts from now."""
        now = monotonic()
        if self.batches:
            length = now - self._last
            self._longest = max(self._longest, length)
            if len(self._first) < _FIRST:
                self._first.append(round(length, 3))
            else:
                self._later += length
        self._last = now

    def facts(self, *, ended: bool = False) -> dict[str, object]:
        """Return what is reported of the batches: their number (``batches``), the number of those
        ``before`` the clock started, and the seconds of each of the ``first`` 32 (`_FIRST`), of all
        ``later`` ones together and of the ``longest``. With ``ended``, the last batch ends now."""
        if ended:
            self._end_batch()
        return {
            "batches": self.batches,
            "before": self.before,
            "first": self._first,
            "later": round(self._later, 3),
            "longest": round(self._longest, 3),
        }


class StepClock:
    """The virtual clock of ``clock = "steps"``. It stands still, and each training batch advances
    it by ``budget`` / ``steps`` seconds, so that ``steps`` batches use the budget up.

    ``served`` counts those batches. Times are rounded up to 2**-20 seconds.
    """

    def __init__(self, budget: float, steps: int) -> None:
        budget_over, under = float(budget).as_integer_ratio()
        self._over, self._under = budget_over * _TICKS, under * steps
        self._every = max(1, steps // 20)
        self._ticks = 0
        self.served = 0

    def serve(self) -> bool:
        """Advance by one batch, which is served now; return whether it is time for a report: about
        20 times in the budget (from 20 to 39), or at each batch of a shorter one."""
        self.served += 1
        self._ticks = -(-self.served * self._over // self._under)
        return self.served % self._every == 0

    def seconds(self, begin: int) -> float:
        """Return the time in seconds on a clock that was at ``begin`` when this one was at 0."""
        return begin + self._ticks / _TICKS

    def nanoseconds(self, begin: int) -> int:
        """Return the time as `seconds` does, in nanoseconds, rounded up."""
        return begin * 10**9 - (-self._ticks * 10**9 // _TICKS)

    def install(self) -> None:
        """Let this process read this clock: replace the functions of ``time`` that return a time
        (those in `_BEGINS`, ``clock_gettime``, and their forms in nanoseconds) and ``os.times``.
        Calls from the standard library, torch, triton and this package still get the machine's
        time, and so does a module that took a function from ``time`` before. Nothing else is
        replaced: ``datetime``, ``resource``, CUDA's events and the system's calls tell the
        machine's time."""
        for name, begin in _BEGINS.items():
            _replace(time, name, functools.partial(self.seconds, begin))
            _replace(time, f"{name}_ns", functools.partial(self.nanoseconds, begin))
        _replace(time, "clock_gettime", lambda clock: self.seconds(_begin(clock)))
        _replace(time, "clock_gettime_ns", lambda clock: self.nanoseconds(_begin(clock)))
        _replace(os, "times", self._times)

    def _times(self) -> os.times_result:
        """Return the result of ``os.times`` by this clock: the user time is that of
        ``process_time``, the elapsed time that of ``monotonic``, and the other three are 0."""
        used, elapsed = (self.seconds(_BEGINS[name]) for name in ("process_time", "monotonic"))
        return os.times_result((used, 0.0, 0.0, 0.0, elapsed))


def _begin(clock: int) -> int:
    """Return the seconds at which a clock of the system, such as ``time.CLOCK_MONOTONIC``, begins
    on the virtual one; one that is not known begins like ``monotonic``."""
    names = {"CLOCK_REALTIME": "time", "CLOCK_PROCESS_CPUTIME_ID": "process_time"}
    names["CLOCK_THREAD_CPUTIME_ID"] = "thread_time"
    known = {getattr(time, constant, None): name for constant, name in names.items()}
    return _BEGINS[known.get(clock, "monotonic")]


def _replace(module: Any, name: str, virtual: Callable[..., Any]) -> None:
    """Put a function in the place of ``module.name`` that returns what ``virtual`` does; but calls
    from the packages `_REAL` are passed on to the function that was there. Do nothing if the module
    has no such function on this system."""
    real = getattr(module, name, None)
    if real is None:
        return

    @functools.wraps(real, updated=())
    def read(*given: Any) -> Any:
        caller = str(sys._getframe(1).f_globals.get("__name__", "")).partition(".")[0]
        return (real if caller in _REAL else virtual)(*given)

    del read.__wrapped__  # a script would take the clock off by it
    setattr(module, name, read)
