"""The parent of a run: starts the launcher, keeps the clock, drains the output, ends the group."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pytest_ouro.errors import ExperimentError
from pytest_ouro.experiment import output, processes
from pytest_ouro.experiment.interrupts import noted
from pytest_ouro.experiment.measurement import Measurement
from pytest_ouro.experiment.run_log import RunLog

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What the child may see of our environment; the rest could colour the run or leak into it.
_PASSED = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "VIRTUAL_ENV"),
    *("CC", "CXX", "CUDA_HOME", "CUDA_PATH", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH"),
    *("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"),
)
LAUNCHER = Path(__file__).with_name("launcher.py")
#: A run that trains this much longer than its budget is ended: it cannot be kept any more.
OVERRUN = 1.5
_TICK = 0.2


@dataclass(frozen=True)
class Position:
    """Where a run stands. ``window`` is None until the clock has started."""

    window: float | None
    budget: float
    wall: float
    text: str = ""


class Progress(Protocol):
    """What is told while a run goes on: a position a few times a second."""

    def __call__(self, position: Position, /) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to run. ``message`` goes to the launcher as it is; seconds; ``log`` is written live,
    anew or with ``append`` at its end; ``settings`` are further environment variables. The run is
    ended once its window is longer than ``limit``."""

    python: tuple[str, ...]
    folder: Path
    scratch: Path
    log: Path
    message: Mapping[str, Any]
    budget: float
    clock: Literal["wall", "cpu"]
    timeout: float
    limit: float | None = None
    append: bool = False
    warmup_seconds: float = 0.0
    hide_cuda: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)


def environment(job: Job) -> dict[str, str]:
    """The child's environment: a short list of ours, private caches, no way to the hub."""
    env = {key: os.environ[key] for key in _PASSED if key in os.environ}
    for name in ("TMPDIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUDA_CACHE_PATH"):
        folder = job.scratch / name.lower()
        folder.mkdir(parents=True, exist_ok=True)
        env[name] = str(folder)
    env.update(
        PYTHONUNBUFFERED="1",
        PYTHONDONTWRITEBYTECODE="1",
        PYTHONNOUSERSITE="1",
        PYTHONHASHSEED="0",
        HF_HUB_OFFLINE="1",
        GIT_CONFIG_GLOBAL=os.devnull,
    )
    env.update(job.settings)
    if job.hide_cuda:
        env["CUDA_VISIBLE_DEVICES"] = ""
    return env


@dataclass
class _Watch:
    """What has been heard of the child so far."""

    job: Job
    began: float
    family: processes.Family
    window_from: float | None = None
    window: float | None = None
    deadline: float | None = None
    seen: dict[str, Any] = field(default_factory=lambda: {"environment": {}, "exception": {}})
    value: float | None = None
    evaluations: int = 0
    peak_mb: float = 0.0
    cpu: float = 0.0
    reaped: float = field(default_factory=processes.reaped)
    looked: float = 0.0
    look_cost: float = 0.0

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
        self.looked, self.look_cost = time.monotonic(), time.monotonic() - began
        ended = processes.reaped() - self.reaped  # once it is waited for, no list has it
        self.cpu = max(self.cpu, used.cpu_seconds + ended)
        self.peak_mb = max(self.peak_mb, used.resident_mb)

    def trained(self) -> float | None:
        """Seconds of the training window, closed or still running."""
        if self.window is not None or self.window_from is None:
            return self.window
        return self.clock() - self.window_from

    def hear(self, message: dict[str, Any]) -> None:
        event = message.pop("event", "")
        if event == "warm-up":
            self.deadline = time.monotonic() + self.job.warmup_seconds
        elif event == "start":
            self.start()
        elif event == "evaluate":
            self.look()
            self.evaluations += 1
            if self.evaluations == 1:
                self.window = self.trained() or 0.0
        elif event == "measured":
            if self.evaluations == 1:
                self.value = float(message["value"])
            self.peak_mb = max(self.peak_mb, float(message["peak_mb"]))
        elif event == "ready":
            self.seen["environment"] = _strings(message, "python", "torch", "device", "device_name")
        elif event == "exception":
            self.seen["exception"] = _strings(message, "stage", "type", "text", "place", "module")

    def start(self) -> None:
        if self.window_from is None:
            self.window_from = self.clock()

    def tick(self) -> Literal["", "timeout", "overrun"]:
        """Whether the run must be ended now."""
        if self.deadline is not None and time.monotonic() > self.deadline:
            self.start()  # the warm-up allowance is spent
        if time.monotonic() - self.looked > max(1.0, 50 * self.look_cost):
            self.look()  # on a machine with many processes a look is not for nothing
        if time.monotonic() - self.began > self.job.timeout:
            return "timeout"
        trained, limit = self.trained(), self.job.limit or OVERRUN * self.job.budget + 1
        if self.window is None and trained and trained > limit:
            return "overrun"
        return ""


def supervise(job: Job, progress: Progress | None = None) -> Measurement:
    """Run the job to its end, whatever that is, and leave no process of it behind.

    Ctrl-C and TERM end the run and return a measurement that says so.
    """
    strangers = processes.adopt_orphans()
    ours, theirs = socket.socketpair()
    began = time.monotonic()
    with ours, theirs, RunLog(job.log, append=job.append) as log, noted() as signals:
        process = _start(job, theirs.fileno())
        theirs.close()
        family = processes.Family(process.pid, strangers)
        watch = _Watch(job, began, family)
        stopped: Literal["", "timeout", "overrun", "interrupted"] = ""
        try:
            _send(ours, {**job.message, "supervisor": os.getpid()})
            stopped = _follow(process, ours, log, watch, signals, progress)
        except KeyboardInterrupt:
            stopped = "interrupted"
        finally:
            watch.window = watch.trained()
            family.end(process, grace=3.0 if stopped else 0.0)
            _drain(process, log)
    text = log.end.decode(errors="replace")
    return Measurement(
        exit_code=process.returncode,
        wall_seconds=time.monotonic() - began,
        cpu_seconds=watch.cpu,
        window_seconds=watch.window,
        value=watch.value,
        evaluations=watch.evaluations,
        claims=output.summary(text),
        peak_mb=watch.peak_mb,
        environment=watch.seen["environment"],
        exception=watch.seen["exception"],
        stopped=stopped,
        tail=tuple(output.tail(text)),
    )


def _start(job: Job, channel: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [*job.python, "-B", str(LAUNCHER), str(channel)],
            cwd=job.folder,
            env=environment(job),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[channel],
            start_new_session=True,
        )
    except OSError as error:
        raise ExperimentError(
            f"'{job.python[0]}' cannot be started: {error.strerror or error}",
            help="install it, or mend 'python' in bound.toml",
        ) from None


def _strings(message: dict[str, Any], *names: str) -> dict[str, str]:
    return {name: str(message[name]) for name in names}


def _send(channel: socket.socket, message: Mapping[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        channel.sendall(json.dumps(message).encode() + b"\n")


def _follow(
    process: subprocess.Popen[bytes],
    channel: socket.socket,
    log: RunLog,
    watch: _Watch,
    signals: list[int],
    progress: Progress | None,
) -> Literal["", "timeout", "overrun", "interrupted"]:
    """Listen until the child has ended or must be ended."""
    assert process.stdout is not None
    recent = ""
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        selector.register(channel, selectors.EVENT_READ)
        looked = 0.0
        while process.poll() is None:
            for key, _ in selector.select(timeout=_TICK):
                if key.fileobj is channel:
                    data = b""
                    with contextlib.suppress(ConnectionResetError):
                        data = channel.recv(65536)
                    if not data:
                        selector.unregister(channel)
                    *messages, pending = (pending + data).split(b"\n")
                    for line in messages:
                        with contextlib.suppress(ValueError, TypeError, LookupError):
                            watch.hear(json.loads(line))  # else the script wrote to our channel
                        _send(channel, {})
                else:
                    chunk = os.read(process.stdout.fileno(), 65536)
                    if not chunk:
                        selector.unregister(process.stdout)
                    log.write(chunk)
                    recent = (recent + chunk.decode(errors="replace"))[-2000:]
            if signals:
                return "interrupted"
            if time.monotonic() - looked < _TICK:
                continue
            looked = time.monotonic()
            if stop := watch.tick():
                return stop
            if progress is not None:
                wall = looked - watch.began
                text = output.position(recent)
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
