"""The state of a run: the events that it reports, its clock, and when it must be ended."""

from __future__ import annotations

import base64
import math
import random
import resource
import sys
import time
from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.fast_dataclass import dataclass, field
from pytest_ouro.experiment.supervision import processes
from pytest_ouro.experiment.supervision.pace import summarise
from pytest_ouro.experiment.supervision.reported import MOST, cut, number, strings, texts
from pytest_ouro.experiment.terms.measurement import MetricScore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ouro.experiment.supervision.answers import Answers, Turn
    from pytest_ouro.experiment.terms.job import Job

#: A run that has trained this many times its budget, and a second, is ended: it cannot be kept. The
#: second is left out under the clock ``steps``.
OVERRUN = 1.5
UNACCOUNTED = (
    "processes of the run have ended that no other waited for, so that the CPU seconds they used "
    "are not known"
)
OTHER_CORES = "a process of the run may use other cores than those of its slot: {}"
#: The most bytes of a file of losses by row.
_MOST_LOSSES = 100 << 20

Stop = Literal["", "timeout", "overrun", "interrupted", "unjudged"]


def _largest_mb() -> float:
    """Return the largest resident memory, in MB, that this process or any that it has reaped ever
    had; 0 except on Linux."""
    return max(map(processes.largest_mb, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def _first_scan() -> float:
    """Return the time, on ``time.monotonic``, of a run's first scan: after a random time from 0.1
    to 0.3 seconds. Most short runs end before it, and need no scan."""
    return time.monotonic() + random.uniform(0.1, 0.3)


@dataclass(frozen=False)
class RunState:
    """The state of a run, updated by events from the training process and the judge.

    ``began`` and ``deadline`` (the end of the warm-up allowance) are times of ``time.monotonic``.
    On the bound's clock, ``window_from`` is when the window began, and ``window`` its length once
    it has ended; each is None before. ``served`` are the tokens that were trained on, and ``steps``
    the batches that a virtual clock counted in the window.
    """

    job: Job
    began: float
    family: processes.Family
    window_from: float | None = None
    window: float | None = None
    deadline: float | None = None
    #: When the script was released, on the bound's clock.
    released: float | None = None
    environment: dict[str, str] = field(default_factory=dict)
    exception: dict[str, str] = field(default_factory=dict)
    #: Digests of the global random generators, in a run with a salt.
    generators: dict[str, str] = field(default_factory=dict)
    value: float | None = None
    evaluations: int = 0
    served: int = 0
    steps: int = 0
    #: How the training batches went, see `pace.summarise`.
    pace: dict[str, float] = field(default_factory=dict)
    #: What began the window, and the seconds from the script's release to it.
    clock_start: str = ""
    clock_after: float = 0.0
    findings: list[str] = field(default_factory=list)
    #: How an evaluation ran the candidate's code in its own process, as it reported first.
    exposed: str = ""
    peak_mb: float = 0.0
    cpu: float = 0.0
    #: Whether the judge has its rows, so that the script may start.
    judge_ready: bool = False
    #: Whether the training process waits for the judge before it starts the script.
    waiting: bool = False
    judgment: MetricScore | None = None
    #: The files of losses by row, "rows" and "vault", as far as the judge has sent them.
    losses: dict[str, bytes] = field(default_factory=dict)
    unable: str = ""
    #: The time of the answers to the judge, from the call of the evaluation on.
    answers: Answers | None = None
    reaped: float = field(default_factory=processes.reaped_cpu_seconds)
    #: The memory below which `measure_reaped` cannot tell the run's processes from others.
    obscured_mb: float = field(default_factory=_largest_mb)
    #: Time of the next scan; randomised so that a process cannot hide from it.
    next_scan: float = field(default_factory=_first_scan)

    def clock(self) -> float:
        """Return the present time on the bound's clock, in seconds.

        The wall clock counts from an arbitrary point. The CPU clock is the run's CPU seconds; a
        scan updates them first. What batches do not count under the clock ``steps``, such as the
        start-up, is timed by the CPU clock on the CPU profile, and by the wall clock on another.
        """
        if not self._by_cpu:
            return time.monotonic()
        self.scan()
        return self.cpu

    @property
    def _by_cpu(self) -> bool:
        """Whether `clock` returns CPU seconds."""
        return self.job.clock == "cpu" or (self.job.clock == "steps" and self.job.hide_cuda)

    def scan(self) -> None:
        """Update the run's CPU seconds and peak memory, neither of which ever decreases, and set
        the time of the next scan.

        Add a finding, once, if a process may use other cores than the job's, or if CPU seconds are
        not known on the CPU clock.
        """
        began = time.monotonic()
        used = self.family.usage()
        now = time.monotonic()
        # A scan is expensive on a machine with many processes.
        self.next_scan = now + max(1.0, 50 * (now - began)) * random.uniform(0.2, 1.8)
        self.count_reaped(used.cpu_seconds)
        self.peak_mb = max(self.peak_mb, used.resident_mb)
        cores = self.job.cores
        if cores and processes.uses_other_cores(self.family.living, cores):
            text = OTHER_CORES.format(", ".join(map(str, sorted(cores))))
            self.findings += [] if text in self.findings else [text]
        if self.family.unaccounted and self.job.clock == "cpu" and UNACCOUNTED not in self.findings:
            self.findings.append(UNACCOUNTED)

    def count_reaped(self, living: float = 0.0) -> None:
        """Set ``cpu``, the run's CPU seconds, to the sum of those of its processes that have been
        reaped, which no scan lists, and ``living``, those of the others; but never lower it."""
        ended = processes.reaped_cpu_seconds() - self.reaped
        self.cpu = max(self.cpu, living + ended)

    def measure_reaped(self) -> None:
        """Raise the peak memory to that of the largest process of the run; call this when all its
        processes are reaped.

        The system only reports the largest memory of all processes that this process ever reaped,
        those of other runs too. ``obscured_mb`` is the largest memory of this process and of all
        that it had reaped when the run began.
        """
        self.raise_peak(processes.largest_mb(resource.RUSAGE_CHILDREN), self.obscured_mb)

    def raise_peak(self, largest: float, obscured: float) -> None:
        """Raise the peak memory to ``largest``, what the system reports of the run's largest
        process, in MB.

        Just after its fork, a command's process has the memory of the one that forked it: a report
        of at most ``obscured`` is only an upper limit of the run's memory, and is used only if no
        scan has read a peak.
        """
        if largest > obscured or not self.peak_mb:
            self.peak_mb = max(self.peak_mb, largest)

    def trained(self) -> float | None:
        """Return the seconds of training so far, on the bound's clock; None before the window
        begins.

        Once the window has ended, return its length plus the seconds that are charged for answers
        to the judge. Under the clock ``steps``, return the share of the budget that the batches
        served so far use up, including those while the judge waits.
        """
        if self.job.clock == "steps":
            share = self.steps / self.job.message["steps"]
            return None if self.window_from is None else self.job.budget * share
        if self.window is not None:
            return self.window + self.charged()
        return None if self.window_from is None else self.clock() - self.window_from

    def charged(self) -> float:
        """Return the seconds of the run's answers to the judge that count as training, because
        inference does not explain them; 0 before the judge asks, and under the clock ``steps``.

        Until the judge has a score, inference explains the usual pace of all batches of answers.
        From then on it explains that, but no more seconds than `excused` returns for the tokens and
        CPU seconds that the score states.
        """
        if self.answers is None or self.job.clock == "steps":
            return 0.0
        if self.judgment is None:
            return self.answers.charged_by_now(self.clock(), self.cpu)
        from pytest_ouro.experiment.supervision.answers import excused

        most = excused(
            window=self.window or 0.0,
            served=self.served,
            # A rehearsal's budget is short compared to its evaluation, and it is never kept.
            budget=math.inf if self.job.rehearsal else self.job.budget,
            tokens=self.judgment.tokens,
            scoring=self.judgment.scoring,
            waited=self.answers.waited,
        )
        return self.answers.charged(most)

    def on_event(self, message: Mapping[str, object]) -> None:
        """Handle an event that the training process reports; ignore an unknown one.

        Its events release the script, set the deadline of the warm-up, begin the window, count
        evaluations, and report the environment, findings, the pace and an exception. Without a
        judge, the first call of the evaluation ends the window, and its value is the metric. A
        malformed message raises an exception of any kind.
        """
        event = message.get("event")
        if event == "warm-up":
            if self.deadline is None:
                self.deadline = time.monotonic() + self.job.warmup_seconds
        elif event == "start":
            self.start()
        elif event == "evaluate":
            self.evaluations += 1
            self._count(message)
            if self.evaluations == 1:
                self.pace = summarise(message.get("pace"), self.served)
                self.generators = cut(message.get("generators"))
                if self.job.judge is None:
                    self.close()
        elif event == "measured":
            if self.evaluations == 1:
                self._count_steps(message)
                if self.job.judge is None:
                    self.value = number(message, "value")
            if math.isfinite(peak := number(message, "peak_mb")):
                self.peak_mb = max(self.peak_mb, peak)
        elif event == "finding":
            self.findings = [*self.findings, str(message["text"])][:MOST]
        elif event == "ready" and not self.environment:  # once, before the script runs
            self.environment = strings(message, "python", "torch", "device", "device_name")
            self.waiting = True
            if self.job.judge is None or self.judge_ready:
                self.release()
        elif event == "exposed":
            self.exposed = self.exposed or str(message["text"])[:200]
        elif event == "exception":
            names = ("stage", "type", "text", "place", "module", "hidden", "denied")
            self.exception = strings(message, *names)
        elif event == "pace":
            self._count(message)
            self.pace = summarise(message.get("pace"), self.served)

    def _count(self, message: Mapping[str, object]) -> None:
        """Take over the numbers of tokens and of steps that a message reports."""
        self.served = min(int(number(message, "served")), sys.maxsize)  # a script may say anything
        self._count_steps(message)

    def _count_steps(self, message: Mapping[str, object]) -> None:
        """Under the clock ``steps``, raise their number to the one that a message reports."""
        if self.job.clock == "steps":
            self.steps = max(self.steps, min(int(number(message, "steps")), sys.maxsize))

    def on_judge_event(self, message: Mapping[str, object]) -> None:
        """Handle an event that the judge reports; ignore an unknown one.

        ``ready`` lets the script start, ``unable`` says why the judge rejects the harness, and
        ``asked`` ends the window. ``question`` passes the turn to the run, which answers now;
        ``room`` (the judge enlarges the shared memory for the first answer) and ``answered`` pass
        it to the judge, and ``answered`` ends a batch. ``finding`` reports a fault and ends the
        turns, ``losses`` brings a part of a file of losses by row, and ``judged`` the score. A
        malformed message raises an exception of any kind; so does each of ``question``, ``room``,
        ``answered``, ``finding`` and ``judged`` before ``asked``.
        """
        if (event := message.get("event")) == "ready":
            self.judge_ready = True
        elif event == "unable":
            self.unable = str(message["why"])
        elif event == "asked":
            self.close()
            from pytest_ouro.experiment.supervision.answers import Answers  # of a judge

            self.answers = Answers(self.clock(), self.cpu)
        elif event == "question":
            self._pass_to("run")
        elif event == "room":
            self._pass_to("judge")
        elif event == "answered":
            self._pass_to("judge").end_batch()
        elif event == "finding":
            self._pass_to("nobody")
            self.findings = [*self.findings, str(message["text"])][:MOST]
        elif event == "losses":
            name, part = str(message["file"]), base64.b64decode(str(message["part"]), validate=True)
            if name in ("rows", "vault") and len(self.losses.get(name, b"")) < _MOST_LOSSES:
                self.losses[name] = self.losses.get(name, b"") + part
        elif event == "judged":
            assert self.answers is not None
            self.findings = [*self.findings, *texts(message, "findings")][:MOST]
            self.judgment = MetricScore(
                value=number(message, "value"),
                se=number(message, "se"),
                decimals=None if message["decimals"] is None else int(number(message, "decimals")),
                rows=int(number(message, "rows")),
                vault=int(number(message, "vault")),
                questions=int(number(message, "questions")),
                tokens=int(number(message, "tokens")),
                seconds=number(message, "seconds"),
                scoring=number(message, "scoring"),
                answering=self.answers.seconds,
            )
            self.value = self.judgment.value

    def _pass_to(self, turn: Turn) -> Answers:
        """End the present turn of the answers to the judge, begin ``turn``, and return the answers.
        Raise AssertionError if the judge has not asked yet.

        A scan is made in between. On the wall clock, the seconds of that scan count as the judge's
        turn, not as the run's.
        """
        assert self.answers is not None
        received = time.monotonic()
        self.scan()
        wall = time.monotonic() if turn == "run" else received
        self.answers.pass_to(turn, self.cpu if self._by_cpu else wall, self.cpu)
        return self.answers

    def release(self) -> None:
        """Note that the script may start now (the caller sends the answer for which the launcher
        waits): set ``released`` to the present time on the bound's clock, and ``waiting`` to
        False."""
        self.waiting = False
        self.released = self.clock()

    def _startup(self) -> float:
        """Return the seconds on the bound's clock since the script was allowed to start
        (`release`); 0 before."""
        return 0.0 if self.released is None else self.clock() - self.released

    def start(self) -> None:
        """Begin the window now, unless it has begun already.

        If this is too late, the window begins at the latest time that was allowed:
        ``startup_seconds`` after the script's release or, on the wall clock, the deadline of the
        warm-up if that is earlier. ``clock_after`` is set to the seconds from the release to the
        window, and for a script ``clock_start`` to what began the window.
        """
        if self.window_from is not None:
            return
        now = self.clock()
        released = now - self._startup()
        start, cause = now, "warmup-tokens" if self.job.message.get("warmup_tokens") else "batch"
        if self.deadline is not None and time.monotonic() > self.deadline:
            start = now if self._by_cpu else min(now, self.deadline)
            cause = "warmup-seconds"
        latest = released + self.job.startup_seconds
        if latest < start:
            start, cause = latest, "startup-seconds"
        self.window_from = start
        if self.job.message.get("mode") == "experiment":  # nothing else serves batches
            self.clock_start = cause
        self.clock_after = max(0.0, start - released)

    def close(self) -> None:
        """End the window now: set ``window`` to its length on the bound's clock, 0 if it never
        began. Call it once."""
        self.scan()
        self.window = self.trained() or 0.0

    def tick(self) -> Stop:
        """Begin the window, and scan, if either is due. Then return why the run must be ended now;
        "" if it need not be.

        It must if the judge rejects the harness ("unjudged"), if the wall time exceeds ``timeout``
        ("timeout"), or if the window exceeds its limit before there is a score ("overrun").
        """
        if self.deadline is not None and time.monotonic() > self.deadline:
            self.start()  # the warm-up allowance is spent
        if self.window_from is None and self._startup() > self.job.startup_seconds:
            self.start()  # a script that reads its data itself is timed too
        if time.monotonic() > self.next_scan:
            self.scan()
        if self.unable:
            return "unjudged"
        if time.monotonic() - self.began > self.job.timeout:
            return "timeout"
        limit = self.job.limit or OVERRUN * self.job.budget + (self.job.clock != "steps")
        trained = self.trained()
        if self.judgment is None and trained and trained > limit:
            return "overrun"
        return ""
