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
#: The share of the budget that inference explains at most, since the script claims the number of
#: training tokens.
EXCUSED = 0.25
#: Number of consecutive parts of the answers whose median is the usual pace. A single batch may be
#: shorter than a tick of the system's CPU clock.
PARTS = 8

Turn = Literal["run", "judge", "nobody"]


@dataclass
class Answers:
    """The seconds that a run takes to answer the judge, on the bound's clock. The judge asks one
    batch of rows at a time, and the run answers each with its model's logits; ``batches`` has the
    seconds of each answered batch.

    ``turn`` says who is waited for: the run, the judge or nobody. In the run's turn, from a
    question to its answer, all seconds count. In the judge's turn, while the judge computes, only
    CPU seconds of the run count. In nobody's turn none count.
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
        """End the present turn and begin ``turn``. The seconds of the present turn that count as
        the run's (`_counted`) are added to the unanswered batch.

        If the present turn is the judge's, and a batch was answered already, its other seconds are
        added to ``waited``. ``clock`` is the present time on the bound's clock, ``cpu`` the run's
        CPU seconds until now.
        """
        counted = self._counted(clock, cpu)
        self.begun += counted
        if self.batches and self.turn == "judge":
            self.waited += clock - self.clock - counted
        self.turn, self.clock, self.cpu = turn, clock, cpu

    def end_batch(self) -> None:
        """Append the seconds of the unanswered batch, up to the last change of turn, to
        ``batches``, and begin the next batch at 0."""
        self.batches.append(self.begun)
        self.begun = 0.0

    def _counted(self, clock: float, cpu: float) -> float:
        """Return the seconds of the present turn that count as the run's. In the run's turn, all
        count. In the judge's turn, as many as the run used CPU seconds meanwhile, but no more than
        have passed. In nobody's turn, none. ``clock`` and ``cpu`` are as in `pass_to`."""
        if self.turn == "nobody":
            return 0.0
        passed = clock - self.clock
        return passed if self.turn == "run" else min(passed, cpu - self.cpu)

    @property
    def seconds(self) -> float:
        """The seconds that all answered batches took."""
        return sum(self.batches)

    def charged(self, excused: float) -> float:
        """Return the seconds of the answered batches that inference does not explain, at least 0.

        Inference explains the usual pace (`_pace`) times the number of batches, but no more than
        ``excused`` seconds in all.
        """
        return max(0.0, self.seconds - min(len(self.batches) * self._pace(), excused))

    def charged_by_now(self, clock: float, cpu: float) -> float:
        """Return the seconds to charge while batches are still being answered.

        They are the seconds of all answered batches beyond the usual pace for each, and those of
        the unanswered one beyond that pace; each of the two at least 0.
        """
        now = max(0.0, self.begun + self._counted(clock, cpu) - self._pace())
        return self.charged(self.seconds) + now

    def _pace(self) -> float:
        """Return the usual seconds per batch, 0 if none is answered.

        It is the median of the means of ``PARTS`` consecutive parts of the answered batches.
        """
        count = len(self.batches)
        bounds = [count * part // PARTS for part in range(PARTS + 1)]
        parts = [self.batches[a:b] for a, b in pairwise(bounds) if a < b]
        return statistics.median(map(statistics.fmean, parts)) if parts else 0.0


def excused(
    *, window: float, served: int, budget: float, tokens: int, scoring: float, waited: float
) -> float:
    """Return the most seconds that inference may explain of a run's answers to the judge.

    They are the sum of two times. The first is that of a forward pass over the ``tokens`` asked
    for, at ``FORWARD`` times the training time per token (``window`` / ``served``). The second is
    the judge's own time for these tokens: its CPU seconds (``scoring``), or the seconds that the
    run ``waited`` for the judge, if these are more. The sum is at most ``scoring`` plus the share
    ``EXCUSED`` of the ``budget``: the script's process could falsify ``served``, ``window`` and
    ``waited``, and so raise the sum, but not ``scoring``.
    """
    forward = FORWARD * tokens * window / max(served, 1)
    return min(forward + max(waited, scoring), EXCUSED * budget + scoring)
