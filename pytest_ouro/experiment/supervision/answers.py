"""What a run's answers to the judge cost, and how much of that is training.

Nobody sees what a model does while the judge waits for it. Inference is steady: each batch of
answers costs what the others cost. So the usual pace tells what inference explains, but no more
than inference costs beside training; all other time counts as training.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

#: A forward pass is about a third of a training step, which also goes back; half leaves room.
FORWARD = 0.5
#: The tokens that were trained on are the script's own word: what they excuse is this share of the
#: budget at most.
EXCUSED = 0.25
#: Parts of the answers, in order, whose median is the usual pace. A single batch may be shorter
#: than a tick of the system's CPU clock.
PARTS = 8

Turn = Literal["run", "judge", "nobody"]


@dataclass
class Answers:
    """The seconds that each batch of answers took, on the bound's clock.

    In the run's turn all seconds count: from a question to its answer. In the judge's turn, while
    it computes, only those in which the run used the CPU count.
    """

    #: The bound's clock and the run's CPU seconds when the turn began.
    clock: float
    cpu: float
    turn: Turn = "judge"
    batches: list[float] = field(default_factory=list)
    #: Seconds of the batch that is not answered yet, up to the present turn.
    begun: float = 0.0
    #: Seconds of the judge's turns between answers that do not count: none on the CPU clock.
    waited: float = 0.0

    def pass_to(self, turn: Turn, clock: float, cpu: float) -> None:
        """End the present turn and begin the next."""
        counted = self._counted(clock, cpu)
        self.begun += counted
        if self.batches and self.turn == "judge":
            self.waited += clock - self.clock - counted
        self.turn, self.clock, self.cpu = turn, clock, cpu

    def end_batch(self) -> None:
        """Note that the batch is answered."""
        self.batches.append(self.begun)
        self.begun = 0.0

    def _counted(self, clock: float, cpu: float) -> float:
        """Seconds of the present turn that count."""
        if self.turn == "nobody":
            return 0.0
        passed = clock - self.clock
        return passed if self.turn == "run" else min(passed, cpu - self.cpu)

    @property
    def seconds(self) -> float:
        """Seconds that all answered batches took."""
        return sum(self.batches)

    def charged(self, excused: float) -> float:
        """Seconds of the answered batches beyond the usual pace, or beyond what is ``excused``."""
        return max(0.0, self.seconds - min(len(self.batches) * self._pace(), excused))

    def charged_by_now(self, clock: float, cpu: float) -> float:
        """The same before all are answered, when only the usual pace is known."""
        now = max(0.0, self.begun + self._counted(clock, cpu) - self._pace())
        return self.charged(self.seconds) + now

    def _pace(self) -> float:
        """The median of the seconds that a batch took in each part of the answers."""
        count = len(self.batches)
        bounds = [count * part // PARTS for part in range(PARTS + 1)]
        parts = [self.batches[a:b] for a, b in pairwise(bounds) if a < b]
        return statistics.median(map(statistics.fmean, parts)) if parts else 0.0


def excused(
    *, window: float, served: int, budget: float, tokens: int, scoring: float, waited: float
) -> float:
    """The most seconds that inference explains.

    That is what training on half as many tokens cost, plus what the judge itself took on the same
    logits: handing them over costs the run no more than picking them up and scoring them costs the
    judge. On the CPU clock these are the judge's CPU seconds (``scoring``). On the wall clock they
    are the seconds that the run waited, if more: a busy machine delays both. All but ``scoring`` is
    a quarter of the budget at most, as a script can lie about the one and slow down the other.
    """
    forward = FORWARD * tokens * window / max(served, 1)
    return min(forward + max(waited, scoring), EXCUSED * budget + scoring)
