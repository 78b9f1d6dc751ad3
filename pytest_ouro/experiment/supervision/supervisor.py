"""The parent of a run: starts the launcher, keeps the clock, drains the output, ends the group."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any

from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.experiment.supervision import processes
from pytest_ouro.experiment.supervision.interrupts import noted
from pytest_ouro.experiment.supervision.judge_process import judging
from pytest_ouro.experiment.supervision.run_clock import Stop, Watch
from pytest_ouro.experiment.supervision.run_log import RunLog
from pytest_ouro.experiment.supervision.undumpable import kept_to_itself
from pytest_ouro.experiment.terms import console_text
from pytest_ouro.experiment.terms.job import CHILD, Job, Position, Progress, environment
from pytest_ouro.experiment.terms.measurement import Measurement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_ouro.bound.tables import Level

_TICK = 0.2
#: No message of a child is longer.
_MESSAGE = 1 << 20
#: What is raised by what is none: by its form, its depth, or what it says.
_NO_MESSAGE = (
    *(ValueError, TypeError, LookupError, AttributeError),
    *(ArithmeticError, RecursionError),
)


def supervise(job: Job, progress: Progress | None = None) -> Measurement:
    """Run the job to its end, whatever that is, and leave no process of it behind.

    Ctrl-C and TERM end the run and return a measurement that says so.
    """
    began = time.monotonic()
    with (
        contextlib.ExitStack() as stack,
        RunLog(job.log, append=job.append) as log,
        noted() as signals,
        kept_to_itself(),
    ):
        judge = stack.enter_context(judging(job)) if job.judge is not None else None
        strangers = processes.adopt_orphans()  # the judge is one of them
        ours, theirs = map(stack.enter_context, socket.socketpair())
        shared = [theirs.fileno(), *(judge.lent if judge else ())]
        process = _start(job, theirs.fileno(), shared)
        theirs.close()
        family = processes.Family(process.pid, strangers)
        watch = Watch(job, began, family)
        line = Line(ours, watch.hear, watch.held)
        lines = [line]
        message = dict(job.message)
        if judge is not None:
            judge.release()
            lines.append(Line(judge.channel, watch.hear_judge))
            message.update(line=judge.lent[0], shared=judge.lent[1])
        stopped: Stop = ""
        try:
            line.send(message)
            stopped = _follow(process, lines, log, watch, signals, progress)
        except KeyboardInterrupt:
            stopped = "interrupted"
        finally:
            trained, charged = watch.trained(), watch.charged()
            family.end(process, grace=3.0 if stopped else 0.0)
            failed = judge.last_words() if judge and watch.answers and not watch.judgment else ""
            _drain(process, log)
    text = log.end.decode(errors="replace")
    return Measurement(
        exit_code=process.returncode,
        wall_seconds=time.monotonic() - began,
        cpu_seconds=watch.cpu,
        window_seconds=trained,
        charged_seconds=charged,
        value=watch.value,
        evaluations=watch.evaluations,
        served=watch.served,
        claims=console_text.summary(text),
        peak_mb=watch.peak_mb,
        environment=watch.seen["environment"],
        exception=watch.seen["exception"],
        stopped=stopped,
        tail=tuple(console_text.tail(text)),
        findings=tuple(watch.findings),
        judgment=watch.judgment,
        unable=watch.unable,
        level=_level(job),
        judge_failed=failed,
    )


def _level(job: Job) -> Level:
    if job.judge is None:
        return "supervised"
    return "sandboxed" if "sandbox" in job.message else "judged"


def _start(job: Job, channel: int, shared: list[int]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [*job.python, "-B", str(CHILD), "launcher", str(channel)],
            cwd=job.folder,
            env=environment(job),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=shared,
            start_new_session=True,
        )
    except OSError as error:
        raise ExperimentError(
            f"'{job.python[0]}' cannot be started: {error.strerror or error}",
            help="install it, or mend 'python' in bound.toml",
        ) from None


class Line:
    """Our end of a channel: each message is heard, then answered."""

    def __init__(
        self,
        channel: socket.socket,
        hear: Callable[[dict[str, Any]], None],
        held: Callable[[bytes], bool] = lambda message: False,
    ) -> None:
        """A message that is ``held`` is answered by :meth:`answer`, later."""
        self.channel = channel
        self._hear, self._held = hear, held
        self._pending = b""

    def send(self, message: Mapping[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.channel.sendall(json.dumps(message).encode() + b"\n")

    def read(self) -> bool:
        """Hear what has come; False once the other end is closed."""
        data = b""
        with contextlib.suppress(ConnectionResetError):
            data = self.channel.recv(65536)
        *messages, self._pending = (self._pending[-_MESSAGE:] + data).split(b"\n")
        for message in messages:
            with contextlib.suppress(*_NO_MESSAGE):
                self._hear(json.loads(message))  # else the script wrote to our channel
            if not self._held(message):
                self.answer()
        return bool(data)

    def answer(self) -> None:
        """Let the child go on. One that writes and never reads is not waited for."""
        with contextlib.suppress(OSError):
            self.channel.send(b"{}\n", socket.MSG_DONTWAIT)


def _follow(
    process: subprocess.Popen[bytes],
    lines: list[Line],
    log: RunLog,
    watch: Watch,
    signals: list[int],
    progress: Progress | None,
) -> Stop:
    """Listen until the child has ended or must be ended."""
    assert process.stdout is not None
    recent = ""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        for line in lines:
            selector.register(line.channel, selectors.EVENT_READ, line)
        looked = 0.0
        while process.poll() is None:
            for key, _ in selector.select(timeout=_TICK):
                if key.data is not None:
                    if not key.data.read():
                        selector.unregister(key.fileobj)
                    if watch.waiting and watch.judge_ready:
                        watch.release()
                        lines[0].answer()
                else:
                    chunk = os.read(process.stdout.fileno(), 65536)
                    if not chunk:
                        selector.unregister(process.stdout)
                    log.write(chunk)
                    recent = (recent + chunk.decode(errors="replace"))[-2000:]
            if signals:
                return "interrupted"
            if time.monotonic() - looked < _TICK and not watch.unable:
                continue
            looked = time.monotonic()
            if stop := watch.tick():
                return stop
            if progress is not None:
                wall = looked - watch.began
                text = console_text.position(recent)
                progress(Position(watch.trained(), watch.job.budget, wall, text))
    return ""


def _drain(process: subprocess.Popen[bytes], log: RunLog) -> None:
    """Write what the dead child had still in the pipe."""
    assert process.stdout is not None
    with process.stdout as pipe:
        os.set_blocking(pipe.fileno(), False)
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(pipe.fileno(), 65536):
                log.write(chunk)
