"""The supervisor of a run: start the launcher, time the run, read its output, end its processes."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import time
from typing import TYPE_CHECKING

from pytest_ouro.child.kernel import system
from pytest_ouro.experiment.supervision import processes
from pytest_ouro.experiment.supervision.own_process import make_undumpable, record_signals
from pytest_ouro.experiment.supervision.run_clock import RunState, Stop
from pytest_ouro.experiment.supervision.run_log import RunLog
from pytest_ouro.experiment.supervision.start_process import (
    Command,
    find_starter,
    start_command,
    start_launcher,
)
from pytest_ouro.experiment.terms import console_text
from pytest_ouro.experiment.terms.job import Job, Position, Progress
from pytest_ouro.experiment.terms.measurement import Measurement
from pytest_ouro.experiment.terms.printed import Reading
from pytest_ouro.experiment.terms.read_metric import read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from pytest_ouro.bound.tables import Level
    from pytest_ouro.experiment.supervision.judge_process import Judge
    from pytest_ouro.experiment.supervision.start_process import Process

_TICK = 0.2
#: The longest message of a child, in bytes.
_MESSAGE = 1 << 20
#: Exceptions raised by a malformed message: by its form, its depth or its content.
_MALFORMED = (
    *(ValueError, TypeError, LookupError, AttributeError),
    *(ArithmeticError, RecursionError),
)


def supervise(job: Job, progress: Progress | None = None) -> Measurement:
    """Run the job until it ends or must be ended; return its measurement, and leave no process of
    it.

    Nothing is raised if Ctrl-C or TERM ends the run, if it exceeds its time, or if the judge
    rejects its harness: then ``stopped`` of the measurement says which. ``progress`` is called a
    few times a second. Raise ExperimentError if the job cannot be started or its log cannot be
    opened; OSError if its judge cannot be started, or the cache folders of a command cannot be
    made.
    """
    began = time.monotonic()
    with (
        contextlib.ExitStack() as stack,
        RunLog(job.log, append=job.append) as log,
        record_signals() as signals,
        make_undumpable(),
    ):
        judge = stack.enter_context(_start_judge(job)) if job.judge is not None else None
        process, family, channel = _start(job, judge, stack)
        state = RunState(job, began, family)
        lines = []
        message = job.message.copy()
        if channel is not None:
            lines.append(Line(channel, state.on_event, is_held_back=lambda: state.waiting))
        if judge is not None:
            judge.release()
            lines.append(Line(judge.channel, state.on_judge_event))
            message["line"], message["shared"] = judge.lent
        stopped: Stop = ""
        try:
            if channel is None:
                state.start()
            else:
                lines[0].send(message)
            stopped = _follow(process, lines, log, state, signals, progress)
        except KeyboardInterrupt:
            stopped = "interrupted"
        finally:
            trained, charged = state.trained(), state.charged()
            family.end(process, grace=3.0 if stopped else 0.0)
            if isinstance(process, Command):
                state.count_reaped(process.cpu_seconds)
                state.raise_peak(process.largest_mb, process.obscured_mb)
            else:
                state.count_reaped()
                if job.message["mode"] == "command":
                    state.measure_reaped()
            failed = judge.last_words() if judge and state.answers and not state.judgment else ""
            _drain(process, log)
    text = log.end.decode(errors="replace")
    return Measurement(
        program=job.program,
        exit_code=process.wait(),
        launched=job.message["mode"] != "experiment" or bool(state.environment or state.exception),
        wall_seconds=time.monotonic() - began,
        cpu_seconds=state.cpu,
        window_seconds=trained,
        charged_seconds=charged,
        value=state.value,
        evaluations=state.evaluations,
        generators=state.generators,
        claims=console_text.summary(text),
        reading=read(text, job.printed) if job.printed else Reading(),
        numbers={one.name: read(text, one).number for one in job.guarded},
        peak_mb=state.peak_mb,
        environment=state.environment,
        exception=state.exception,
        stopped=stopped,
        tail=tuple(console_text.tail(text)),
        findings=tuple(state.findings),
        judgment=state.judgment,
        losses=state.losses if state.judgment else {},
        unable=state.unable,
        level=_level(job),
        judge_failed=failed,
        exposed=state.exposed,
        pace=state.pace,
        clock_start=state.clock_start,
        clock_after=round(state.clock_after, 3),
        steps=state.steps if job.clock == "steps" else None,
    )


def _start(
    job: Job, judge: Judge | None, stack: contextlib.ExitStack
) -> tuple[Process, processes.Family, socket.socket | None]:
    """Start the process of a job. Return it, with the family of its processes and this process's
    end of a socket to its launcher, which ``stack`` closes; None in place of it for a command that
    a starter has started. Errors as of `supervise`."""
    adopts = system.adopt_orphans()
    starter = find_starter(job) if adopts else None  # what a killed starter leaves is adopted
    strangers = processes.children() | ({judge.pid} if judge else set())
    if starter and (command := start_command(starter, job)):
        family = processes.Family(starter.pid, strangers, is_starter=True, adopts=adopts)
        return command, family, None
    ours, theirs = map(stack.enter_context, socket.socketpair())
    with theirs:
        shared = [theirs.fileno(), *(judge.lent if judge else ())]
        process = start_launcher(job, theirs.fileno(), shared)
    return process, processes.Family(process.pid, strangers, adopts=adopts), ours


def _start_judge(job: Job) -> AbstractContextManager[Judge]:
    """Return a context manager that starts the judge of a job and ends it, see `start_judge`; its
    module is imported only here."""
    from pytest_ouro.experiment.supervision.judge_process import start_judge

    return start_judge(job)


def _level(job: Job) -> Level:
    """Return the assurance level that a run of the job achieves. With a sandbox it is "sandboxed",
    or "judged" if the sandbox allows the internet, whether or not there is a judge. Without a
    sandbox it is "judged" if there is a judge, else "supervised"."""
    if "sandbox" in job.message:
        return "judged" if job.message.get("network") else "sandboxed"
    return "supervised" if job.judge is None else "judged"


class Line:
    """The supervisor's end of a channel to a child, the launcher or the judge. Each message of the
    child is passed to a function, and then answered by an empty message, for which the child waits;
    the answer may be held back, see `__init__`."""

    def __init__(
        self,
        channel: socket.socket,
        handle: Callable[[Mapping[str, object]], None],
        is_held_back: Callable[[], bool] = lambda: False,
    ) -> None:
        """Let ``handle`` handle each message that arrives on ``channel``.

        While ``is_held_back`` returns true, :meth:`read` answers none: the caller does, by
        :meth:`answer`.
        """
        self.channel = channel
        self._handle, self._is_held_back = handle, is_held_back
        self._pending = b""

    def send(self, message: Mapping[str, object]) -> None:
        """Send a message as a line of JSON; do nothing if the other end is closed."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.channel.sendall(json.dumps(message).encode() + b"\n")

    def read(self) -> bool:
        """Handle the messages that have arrived, ignoring malformed ones, and answer each, unless
        answers are held back. Return False once the other end is closed, else True."""
        data = b""
        with contextlib.suppress(ConnectionResetError):
            data = self.channel.recv(65536)
        *messages, self._pending = (self._pending[-_MESSAGE:] + data).split(b"\n")
        for message in messages:
            with contextlib.suppress(*_MALFORMED):  # the script may write to our channel
                self._handle(json.loads(message))
            if not self._is_held_back():
                self.answer()
        return bool(data)

    def answer(self) -> None:
        """Send an empty answer, so that the child continues. If the child does not read or is gone,
        do nothing."""
        with contextlib.suppress(OSError):
            self.channel.send(b"{}\n", socket.MSG_DONTWAIT)


def _follow(
    process: Process,
    lines: list[Line],
    log: RunLog,
    state: RunState,
    signals: list[int],
    progress: Progress | None,
) -> Stop:
    """Watch ``process`` until it has ended or must be ended: handle the messages on ``lines``, the
    channels to the child and to the judge (if there is one), which change ``state``; write the
    output of ``process`` to ``log``; and call ``progress``, unless it is None, a few times a
    second.

    Return why the process must be ended, which the caller does; "" if it has ended by itself.
    ``signals`` is the list to which received signals are appended: any of them interrupts the run.
    """
    assert process.stdout is not None
    with selectors.PollSelector() as selector:  # one call each time, where epoll needs six
        selector.register(process.stdout, selectors.EVENT_READ)
        for line in lines:
            selector.register(line.channel, selectors.EVENT_READ, line)
        if isinstance(process, Command):
            selector.register(process, selectors.EVENT_READ, process)  # to see its end at once
        ticked = 0.0
        while process.poll() is None:
            for key, _ in selector.select(timeout=_TICK if ticked else 0):
                if key.data is process:
                    continue
                if key.data is not None:
                    if not key.data.read():
                        selector.unregister(key.fileobj)
                    if state.waiting and state.judge_ready:
                        state.release()
                        lines[0].answer()
                else:
                    chunk = os.read(process.stdout.fileno(), 65536)
                    if not chunk:
                        selector.unregister(process.stdout)
                    log.write(chunk)
            if signals:
                return "interrupted"
            if time.monotonic() - ticked < _TICK and not state.unable:
                continue
            ticked = time.monotonic()
            if stop := state.tick():
                return stop
            if progress is not None:
                text = console_text.position(log.end[-2000:].decode(errors="replace"))
                wall, ended = ticked - state.began, state.window is not None
                progress(Position(state.trained(), state.job.budget, wall, text, ended))
    return ""


def _drain(process: Process, log: RunLog) -> None:
    """Write the output that is still in the pipe of the dead child to the log, and close the
    pipe."""
    assert process.stdout is not None
    with process.stdout as pipe:
        os.set_blocking(pipe.fileno(), False)
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(pipe.fileno(), 65536):
                log.write(chunk)
