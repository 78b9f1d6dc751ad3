"""What is heard of a run while it goes on, and when it must be ended."""

from __future__ import annotations

import math
import random
import statistics
import sys
import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from pytest_ouro.experiment.supervision import processes
from pytest_ouro.experiment.terms.measurement import Judgment

if TYPE_CHECKING:
    from pytest_ouro.experiment.terms.job import Job

#: A run that trains this much longer than its budget is ended: it cannot be kept any more.
OVERRUN = 1.5
FORGOTTEN = (
    "processes of the run have ended that no other waited for, so that the CPU seconds they used "
    "are not known"
)
#: Findings of one run that are kept; a script could write them without end.
_MOST = 20

Stop = Literal["", "timeout", "overrun", "interrupted", "unjudged"]


@dataclass
class Watch:
    """What has been heard of the child and of the judge so far."""

    job: Job
    began: float
    family: processes.Family
    window_from: float | None = None
    window: float | None = None
    deadline: float | None = None
    #: When the script was let go, on the bound's clock.
    released: float | None = None
    seen: dict[str, Any] = field(default_factory=lambda: {"environment": {}, "exception": {}})
    value: float | None = None
    evaluations: int = 0
    served: int = 0
    findings: list[str] = field(default_factory=list)
    peak_mb: float = 0.0
    cpu: float = 0.0
    #: Whether the script may start: the judge, if there is one, has its rows.
    judge_ready: bool = False
    waiting: bool = False
    judgment: Judgment | None = None
    unable: str = ""
    asked: float | None = None
    #: When the judge had each batch of answers, on the bound's clock; first, when it was asked.
    answers: list[float] = field(default_factory=list)
    reaped: float = field(default_factory=processes.reaped)
    #: When to look again at the latest: nobody foresees it, to be away then.
    look_at: float = 0.0

    def clock(self) -> float:
        """Now, on the clock that the budget is counted in."""
        if self.job.clock == "wall":
            return time.monotonic()
        self.look()
        return self.cpu

    def look(self) -> None:
        """Read the group's CPU seconds and memory; both only ever grow."""
        began = time.monotonic()
        used = self.family.usage()
        now = time.monotonic()
        # On a machine with many processes a look is not for nothing.
        self.look_at = now + max(1.0, 50 * (now - began)) * random.uniform(0.2, 1.8)
        ended = processes.reaped() - self.reaped  # once it is waited for, no list has it
        self.cpu = max(self.cpu, used.cpu_seconds + ended)
        self.peak_mb = max(self.peak_mb, used.resident_mb)
        if self.family.forgotten and self.job.clock == "cpu" and FORGOTTEN not in self.findings:
            self.findings.append(FORGOTTEN)

    def trained(self) -> float | None:
        """Seconds of the training window, closed or still running."""
        if self.window is not None or self.window_from is None:
            return self.window
        return self.clock() - self.window_from

    def hear(self, message: dict[str, Any]) -> None:
        """An event that the training process reports."""
        event = message.pop("event", "")
        if event == "warm-up":
            if self.deadline is None:
                self.deadline = time.monotonic() + self.job.warmup_seconds
        elif event == "start":
            self.start()
        elif event == "evaluate":
            self.evaluations += 1
            self.served = min(int(message["served"]), sys.maxsize)  # a script may say anything
            if self.evaluations == 1 and self.job.judge is None:
                self.close()
        elif event == "measured":
            if self.evaluations == 1 and self.job.judge is None:
                self.value = float(message["value"])
            if math.isfinite(peak := float(message["peak_mb"])):
                self.peak_mb = max(self.peak_mb, peak)
        elif event == "finding":
            self.findings = [*self.findings, str(message["text"])][:_MOST]
        elif event == "ready" and not self.seen["environment"]:  # once, before the script runs
            self.seen["environment"] = _strings(message, "python", "torch", "device", "device_name")
            self.waiting = True
            if self.job.judge is None or self.judge_ready:
                self.release()
        elif event == "exception":
            self.seen["exception"] = _strings(message, "stage", "type", "text", "place", "module")

    def hear_judge(self, message: dict[str, Any]) -> None:
        """An event that the judge reports; the training window ends when the judge is asked."""
        event = message.pop("event", "")
        if event == "ready":
            self.judge_ready = True
        elif event == "unable":
            self.unable = str(message["why"])
        elif event == "asked":
            self.close()
            self.asked = self.clock()
            self.answers = [self.asked]
        elif event == "answered":
            self.answers.append(self.clock())
        elif event == "finding":
            self.findings = [*self.findings, str(message["text"])][:_MOST]
        elif event == "judged":
            assert self.asked is not None
            self.findings = [*self.findings, *message.pop("findings")][:_MOST]
            self.judgment = Judgment(**message, answering=self.clock() - self.asked)
            self.value = self.judgment.value
            self._demand_prompt(self.judgment)

    def _demand_prompt(self, judgment: Judgment) -> None:
        """Who takes long to answer may have trained on: no answer costs what a training step does.

        The tokens served are the script's own word, so the most that they can excuse is bounded;
        and all batches of answers cost the same, but for what is compiled or loaded for one.
        """
        budget = self.job.budget
        paces = [after - before for before, after in pairwise(self.answers)]
        idle = sum(paces) - len(paces) * statistics.median(paces or [0.0])
        step = (self.window or 0.0) / max(self.served, 1)
        allowed = min(2 + 0.1 * budget + 2 * step * judgment.tokens, 10 + 0.5 * budget)
        if judgment.answering > allowed:
            self.findings.append(
                f"the model took {judgment.answering:.1f} s to answer the judge, "
                f"at most {allowed:.1f} s are allowed"
            )
        elif idle > (spare := 2 + 0.1 * budget):
            self.findings.append(
                f"the model took {idle:.1f} s longer to answer the judge than at its usual pace, "
                f"at most {spare:.1f} s are allowed"
            )

    def release(self) -> None:
        """The script is let go now."""
        self.waiting = False
        self.released = self.clock()

    def held(self, message: bytes) -> bool:
        """Whether the message that was just heard is answered later: when the judge is ready."""
        return self.waiting

    def _startup(self) -> float:
        """Seconds since the script was let go."""
        return 0.0 if self.released is None else self.clock() - self.released

    def start(self) -> None:
        """Begin the training window: now, or when it had to begin, if nobody looked then."""
        if self.window_from is not None:
            return
        now = self.clock()
        latest = now - self._startup() + self.job.startup_seconds
        if self.job.clock == "wall" and self.deadline is not None:
            latest = min(latest, self.deadline)
        self.window_from = min(now, latest)

    def close(self) -> None:
        """End the training window."""
        self.look()
        self.window = self.trained() or 0.0

    def tick(self) -> Stop:
        """Whether the run must be ended now."""
        if self.deadline is not None and time.monotonic() > self.deadline:
            self.start()  # the warm-up allowance is spent
        if self.window_from is None and self._startup() > self.job.startup_seconds:
            self.start()  # a script that serves itself is timed all the same
        if time.monotonic() > self.look_at:
            self.look()
        if self.unable:
            return "unjudged"
        if time.monotonic() - self.began > self.job.timeout:
            return "timeout"
        trained, limit = self.trained(), self.job.limit or OVERRUN * self.job.budget + 1
        if self.window is None and trained and trained > limit:
            return "overrun"
        return ""


def _strings(message: dict[str, Any], *names: str) -> dict[str, str]:
    return {name: str(message[name]) for name in names}
