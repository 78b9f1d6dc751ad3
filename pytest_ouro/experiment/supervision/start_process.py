"""Start the process of a job: a launcher, or where nothing more is needed the command itself."""

from __future__ import annotations

import contextlib
import marshal
import os
import signal
import socket
import subprocess
import sys
from typing import IO, TYPE_CHECKING, TypeAlias

from pytest_ouro.child.evaluation import output
from pytest_ouro.child.kernel import system
from pytest_ouro.core.child_environment import child_environment
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.experiment.terms.job import CHILD, environment
from pytest_ouro.messages import experiment as messages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.child.kernel.starter import Request
    from pytest_ouro.experiment.terms.job import Job

#: Seconds after which a starter that does not answer is given up.
_PATIENCE = 60.0
#: The longest message of a starter, in bytes.
_LONGEST = 256
#: The program of a starter, which loads no package of the environment.
_STARTER = """\
import sys
sys.path.insert(0, {folder!r})
from child.kernel.starter import serve
serve({fd})
"""


@dataclass(frozen=False)
class Command:
    """A command that a `Starter` has started and waits for, with those attributes and methods of
    `subprocess.Popen` that a run needs.

    ``before`` are the CPU seconds that the starter and its ended children had used, and
    ``obscured_mb`` is the largest memory of the starter, below which ``largest_mb`` is only an
    upper limit. When the command has ended, ``cpu_seconds`` are those of its processes that have
    ended, ``largest_mb`` is the memory in MB of the largest of them, and ``is_alone`` says that no
    other is left.

    If the starter ended first, which ends the command too, then ``returncode`` is that of a killed
    process, and ``cpu_seconds`` are ``-before``: this process has waited for the starter, and so
    for all processes for which the starter had waited.
    """

    stdout: IO[bytes]
    starter: Starter
    before: float
    obscured_mb: float
    returncode: int | None = None
    cpu_seconds: float = 0.0
    largest_mb: float = 0.0
    is_alone: bool = False

    def fileno(self) -> int:
        """Return a descriptor that can be read when the command has ended."""
        return self.starter.fileno()

    def poll(self) -> int | None:
        """Return how the command ended, as Popen's ``returncode``; None if it has not."""
        return self._receive(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the command ends, and return its ``returncode``. Raise
        subprocess.TimeoutExpired after ``timeout`` seconds."""
        if (code := self._receive(timeout)) is None:
            raise subprocess.TimeoutExpired("", timeout or 0.0)
        return code

    def _receive(self, timeout: float | None) -> int | None:
        """Wait up to ``timeout`` seconds for what the starter says of the command's end. Return the
        ``returncode``; None if it has said nothing yet."""
        if self.returncode is None and (said := self.starter.receive(timeout)) is not None:
            try:
                status, seconds, largest, left = said.split()
                self.returncode = os.waitstatus_to_exitcode(int(status))
                self.cpu_seconds, self.largest_mb = float(seconds), int(largest) / 1024
                self.is_alone = left == b"0"
            except ValueError:  # it was killed
                self.close_starter()
        return self.returncode

    def close_starter(self) -> None:
        """End the starter, and with it the command, if it runs; other processes that are left of
        the command become children of this process."""
        self.starter.close()
        self.cpu_seconds, self.is_alone = -self.before, False
        if self.returncode is None:
            self.returncode = -signal.SIGKILL


#: The process of a job.
Process: TypeAlias = "subprocess.Popen[bytes] | Command"


class Starter:
    """A small process that starts commands for this one and waits for them, see
    `child.kernel.starter`. It ends when this process ends, if it was not closed before. Raise
    OSError if it cannot be started."""

    def __init__(self) -> None:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        program = _STARTER.format(folder=str(CHILD.parent), fd=theirs.fileno())
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", program],
                cwd="/",
                env=child_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def is_alive(self) -> bool:
        """Return whether the process runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def fileno(self) -> int:
        """Return a descriptor that can be read when the process has said something or has ended;
        -1 once it is closed."""
        return self._requests.fileno()

    def start(self, request: Request, output: int) -> tuple[int, float, float]:
        """Start the command of a request, whose output goes to the pipe with the descriptor
        ``output``. Return its process id, and what `Command` calls ``before`` and ``obscured_mb``;
        the id is 0 if it cannot be started. If the starter does not answer, end it and raise
        OSError."""
        try:
            self._requests.settimeout(_PATIENCE)
            socket.send_fds(self._requests, [marshal.dumps(request)], [output])
            pid, seconds, largest = self._requests.recv(_LONGEST).split()
            return int(pid), float(seconds), int(largest) / 1024
        except (OSError, ValueError) as error:
            self.close()
            raise OSError(f"the starter does not answer: {error}") from None

    def receive(self, timeout: float | None) -> bytes | None:
        """Return what the process says next; b"" if it has ended, or is closed. Return None if it
        says nothing for ``timeout`` seconds (None: wait forever)."""
        try:
            self._requests.settimeout(timeout)
            return self._requests.recv(_LONGEST)
        except (BlockingIOError, TimeoutError):
            return None
        except OSError:
            return b""

    def close(self) -> None:
        """End the process. It gets no time to kill what it has started, which would hide from this
        process what that used."""
        self._process.kill()
        self._process.wait()
        self._requests.close()


#: For each context of `keep_starter` its starter; None until there is a job for it.
_kept: list[Starter | None] = []


@contextlib.contextmanager
def keep_starter() -> Iterator[None]:
    """Let one starter start the commands for which `find_starter` returns it, until the context
    ends, and end it then. It is started for the first of them. Outside of this context, a launcher
    starts each command."""
    _kept.append(None)
    try:
        yield
    finally:
        if starter := _kept.pop():
            starter.close()


def find_starter(job: Job) -> Starter | None:
    """Return the starter that `keep_starter` keeps; start it if it does not run.

    Return None if a launcher must start the job: outside of that context, on another system than
    Linux, for a job that is not a command, or is in a sandbox or observed, and if no starter can be
    started.
    """
    message = job.message
    needs_launcher = message["mode"] != "command" or "sandbox" in message or "observed" in message
    if needs_launcher or not _kept or not system.is_linux():
        return None
    starter = _kept[-1]
    if starter and not starter.is_alive():
        starter.close()
        starter = _kept[-1] = None
    if starter is None:
        with contextlib.suppress(OSError):
            starter = _kept[-1] = Starter()
    return starter


def start_command(starter: Starter, job: Job) -> Command | None:
    """Let the starter start the command of a job, and return it; it is already running. Return None
    if the command cannot be started in this way: the caller then uses a launcher, which tries it
    again and reports why it fails.

    Raise OSError if the job's cache folders cannot be made, or if the starter fails.
    """
    env = environment(job)
    read, write = os.pipe()
    try:
        if job.message.get("evaluation"):
            env["OURO_OUTPUT"] = output(write)
        cores = sorted(system.cores_of())
        request: Request = (job.message["command"], str(job.folder), env, cores)
        pid, before, obscured_mb = starter.start(request, write)
    except OSError:
        os.close(read)
        raise
    finally:
        os.close(write)
    if not pid:
        os.close(read)
        return None
    return Command(os.fdopen(read, "rb"), starter, before, obscured_mb)


def start_launcher(job: Job, channel: int, shared: list[int]) -> subprocess.Popen[bytes]:
    """Start the launcher of a job, with ``channel``, the descriptor of its end of a socket to this
    process, as an argument; return its process.

    It inherits the descriptors ``shared``, of which ``channel`` is one. Raise ExperimentError if
    the job's Python cannot be started, or its cache folders cannot be made.
    """
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
        raise messages.not_started(job.python[0], error.strerror or str(error)) from None
