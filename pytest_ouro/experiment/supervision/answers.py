"""Measure how long a run takes to answer the judge, and how much of that counts as training.

The supervisor cannot see what a model does while the judge waits for it. Inference is steady: each
batch of answers takes about as long as the others. So inference explains the usual pace, up to a
limit derived from the training time; all other time counts as training.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

#: Cost of a forward pass relative to a training step: about a third; half leaves room.
FORWARD = 0.5
#: The number of training tokens is claimed by the script: it excuses at most this share of the
#: budget.
EXCUSED = 0.25
#: Number of consecutive parts of the answers whose median is the usual pace. A single batch may be
#: shorter than a tick of the system's CPU clock.
PARTS = 8

Turn = Literal["run", "judge", "nobody"]


@dataclass
class Answers:
    """The seconds that each batch of answers took, on the bound's clock.

    In the run's turn, from a question to its answer, all seconds count. In the judge's turn, while
    the judge computes, only CPU seconds of the run count.
    """

    #: The bound's clock and the run's CPU seconds when the turn began.
    clock: float
    cpu: float
    turn: Turn = "judge"
    batches: list[float] = field(default_factory=list)
    #: Seconds of the unanswered batch, up to the present turn.
    begun: float = 0.0
    #: Seconds of the judge's turns between answers that do not count (0 on the CPU clock).
    waited: float = 0.0

    def pass_to(self, turn: Turn, clock: float, cpu: float) -> None:
        """End the present turn and begin the next."""
        counted = self._counted(clock, cpu)
        self.begun += counted
        if self.batches and self.turn == "judge":
            self.waited += clock - self.clock - counted
        self.turn, self.clock, self.cpu = turn, clock, cpu

    def end_batch(self) -> None:
        """Record that the batch is answered."""
        self.batches.append(self.begun)
        self.begun = 0.0

    def _counted(self, clock: float, cpu: float) -> float:
        """Return the seconds of the present turn that count."""
        if self.turn == "nobody":
            return 0.0
        passed = clock - self.clock
        return passed if self.turn == "run" else min(passed, cpu - self.cpu)

    @property
    def seconds(self) -> float:
        """The seconds that all answered batches took."""
        return sum(self.batches)

    def charged(self, excused: float) -> float:
        """Return the seconds of the answered batches beyond the usual pace, or beyond ``excused``
        if that is less."""
        return max(0.0, self.seconds - min(len(self.batches) * self._pace(), excused))

    def charged_by_now(self, clock: float, cpu: float) -> float:
        """Return the same while batches are still being answered, by the usual pace alone."""
        now = max(0.0, self.begun + self._counted(clock, cpu) - self._pace())
        return self.charged(self.seconds) + now

    def _pace(self) -> float:
        """Return the median, over the parts of the answers, of the mean seconds per batch."""
        count = len(self.batches)
        bounds = [count * part // PARTS for part in range(PARTS + 1)]
        parts = [self.batches[a:b] for a, b in pairwise(bounds) if a < b]
        return statistics.median(map(statistics.fmean, parts)) if parts else 0.0


def excused(
    *, window: float, served: int, budget: float, tokens: int, scoring: float, waited: float
) -> float:
    """Return the most seconds that inference explains.

    That is the training time of half as many tokens, plus the time of the judge for the same
    logits: passing them on costs the run no more than reading and scoring them costs the judge.
    The judge's time is its CPU seconds (``scoring``), or on the wall clock the time that the run
    waited, if that is more: a busy machine delays both. Everything except ``scoring`` is limited to
    a quarter of the budget, since a script can falsify it.
    """
    forward = FORWARD * tokens * window / max(served, 1)
    return min(forward + max(waited, scoring), EXCUSED * budget + scoring)
