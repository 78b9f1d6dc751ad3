"""Count the placebos of a night that would have been kept, and compute how many luck alone
explains."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.core.statistics.spread import mean
from pytest_ouro.experiment.verdict.history import comparable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_ouro.evidence.records.run_record import FinishedRun

#: The probability with which an interval covers the true share at least.
CONFIDENCE = 0.95
#: Purposes of runs with fresh salts, whose values took no part in a choice.
_FRESH = ("placebo", "reference", "pair", "calibrate")


class Placebos(NamedTuple):
    """How many placebos were compared (``total``), and how many of them would have been kept.
    ``low`` and ``high`` are the exact interval of that share. ``expected`` is how many of them luck
    explains, given the values of the keeps that they were compared with; None if the noise is not
    known, or is 0."""

    kept: int
    total: int
    low: float
    high: float
    expected: float | None

    @property
    def text(self) -> str:
        """The counts, the interval and the expected number in one clause, as in ``placebos: 1 of 6
        would be kept (95 % interval 0 % to 64 %); luck alone explains 1.9``."""
        interval = f"{100 * self.low:.0f} % to {100 * self.high:.0f} %"
        found = f"placebos: {self.kept} of {self.total} would be kept (95 % interval {interval})"
        if self.expected is None:
            return found
        return f"{found}; luck alone explains {self.expected:.1f}"


def count_placebos(runs: Sequence[FinishedRun]) -> Placebos | None:
    """Return what the placebos among ``runs`` show; None if none was compared with a keep. ``runs``
    are oldest first.

    Only placebos under the conditions of the last one are counted.
    """
    every = [run for run in runs if run.purpose == "placebo" and run.would is not None]
    counted = [run for run in every if comparable(run, every[-1])]
    if not counted:
        return None
    kept, count = sum(run.would == "keep" for run in counted), len(counted)
    fresh = [run for run in runs if run.purpose in _FRESH and run.value is not None]
    chances = [_chance(run, fresh) for run in counted]
    known = [chance for chance in chances if chance is not None]
    expected = math.fsum(known) if len(known) == count else None
    return Placebos(kept, count, *share_interval(kept, count), expected)


def _chance(placebo: FinishedRun, measured: Sequence[FinishedRun]) -> float | None:
    """Return the probability with which a further run of the code of ``placebo`` (the last keep's
    own code, run as if it were a try) would have been kept by luck, given the value that it was
    compared with, and all other runs of that code among ``measured``, which have values and new
    salts and took no part in a choice (`_FRESH`); None if the noise was not known, or was 0.

    With m such runs of the mean value x, the gain of a further run over the reference is normally
    distributed around that of x, with the standard deviation σ √(1 + 1/m), where σ is the noise. A
    reference was chosen for its good value, so x is mostly worse. Without such runs, the gain is
    taken to lie around 0, with its standard error; the probability is then an upper limit.
    """
    if not placebo.noise or placebo.best is None or not placebo.se:
        return None
    fresh = [
        run.value
        for run in measured
        if run.commit == placebo.commit
        and run.run != placebo.run
        and run.value is not None
        and comparable(run, placebo)
    ]
    gain, spread = 0.0, placebo.se
    if fresh:
        gain = placebo.metric.gain(mean(fresh), placebo.best)
        spread = placebo.noise * math.sqrt(1 + 1 / len(fresh))
    beyond = ((placebo.margin or 0.0) - gain) / spread
    return math.erfc(beyond / math.sqrt(2)) / 2


def share_interval(hits: int, count: int, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the exact two-sided interval of a share of which ``hits`` in ``count`` (at least 1)
    independent tries were found (Clopper and Pearson, Biometrika 26, 1934).

    Its lower end is the share with which ``hits`` or more have half of the allowed error, and its
    upper end that with which ``hits`` or fewer have it; 0 and 1 where all or nothing was found. It
    covers the true share with a probability of ``confidence`` or more.
    """
    error = (1 - confidence) / 2
    low = _solve(lambda p: 1 - _at_most(hits - 1, count, p), error) if hits else 0.0
    high = _solve(lambda p: 1 - _at_most(hits, count, p), 1 - error) if hits < count else 1.0
    return low, high


def _at_most(hits: int, count: int, p: float) -> float:
    """Return the probability of ``hits`` or fewer successes in ``count`` tries of probability
    ``p``, which is above 0 and below 1."""
    terms = (
        math.lgamma(count + 1)
        - math.lgamma(k + 1)
        - math.lgamma(count - k + 1)
        + k * math.log(p)
        + (count - k) * math.log1p(-p)
        for k in range(hits + 1)
    )
    return math.fsum(map(math.exp, terms))


def _solve(function: Callable[[float], float], value: float) -> float:
    """Return where a ``function`` that rises from 0 to 1 between 0 and 1 has this value."""
    low, high = 0.0, 1.0
    for _ in range(60):  # halves: more than a float has digits
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < value else (low, middle)
    return (low + high) / 2
