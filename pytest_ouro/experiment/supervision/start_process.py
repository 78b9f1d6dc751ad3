"""Start the process of a job: a launcher, or where nothing more is needed the command itself."""

from __future__ import annotations

import contextlib
import marshal
import os
import socket
import subprocess
import sys
import time
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
#: The program of a starter, which loads no package of the environment.
_STARTER = """\
import sys
sys.path.insert(0, {folder!r})
from child.kernel.starter import serve
serve({fd})
"""


@dataclass(frozen=False)
class Adopted:
    """A process that became a child of this one when its parent ended, with those attributes and
    methods of `subprocess.Popen` that a run needs."""

    pid: int
    stdout: IO[bytes]
    returncode: int | None = None

    def poll(self) -> int | None:
        """Return how the process ended, as Popen's ``returncode``; None if it has not."""
        return self._reap(os.WNOHANG)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the process ends, and return its ``returncode``. Raise
        subprocess.TimeoutExpired after ``timeout`` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := self._reap(0 if deadline is None else os.WNOHANG)) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("", timeout or 0.0)
            time.sleep(0.01)
        return status

    def _reap(self, options: int) -> int | None:
        """Wait for the process with these options of waitpid; return its ``returncode`` if it has
        ended, else None."""
        if self.returncode is None:
            pid, status = self.pid, 0
            with contextlib.suppress(ChildProcessError):  # this process ignores SIGCHLD
                pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


#: The process of a job.
Process: TypeAlias = "subprocess.Popen[bytes] | Adopted"


class Starter:
    """A small process that forks the processes of commands for this one, see
    `child.kernel.starter`. It ends when this process ends, if it was not closed before. Raise
    OSError if it cannot be started."""

    def __init__(self) -> None:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._requests.settimeout(_PATIENCE)
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

    def fork(self, request: Request, descriptors: list[int]) -> int:
        """Return the id of a new process for the request, a child of this one, which gets copies of
        the descriptors. If the starter does not start it, end the starter and raise OSError."""
        try:
            socket.send_fds(self._requests, [marshal.dumps(request)], descriptors)
            pid = int(self._requests.recv(16))
            self._requests.recv(1)
        except (OSError, ValueError) as error:
            self.close()
            raise OSError(f"the starter does not answer: {error}") from None
        return pid

    def close(self) -> None:
        """End the process."""
        self._requests.close()
        self._process.kill()
        self._process.wait()


#: For each context of `keep_starter` its starter; None until there is a job for it.
_kept: list[Starter | None] = []


@contextlib.contextmanager
def keep_starter() -> Iterator[None]:
    """Let one starter start all commands until the context ends, and end it then. It is started for
    the first command. Outside of this context, a launcher starts each command."""
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


def start_command(starter: Starter, job: Job, channel: int) -> Adopted | None:
    """Let the starter start the command of a job. Return the process that waits for the command,
    which is the leader of its session; the command is already running. Return None if the command
    cannot be started in this way: the caller then uses a launcher, which tries it again and reports
    why it fails.

    ``channel`` is the descriptor of one end of a socket, which the waiting process gets: it notices
    by it when this process ends. Raise OSError if the job's cache folders cannot be made, or if the
    starter fails.
    """
    env = environment(job)
    read, write = os.pipe()
    try:
        if job.message.get("evaluation"):
            env["OURO_OUTPUT"] = output(write)
        cores = sorted(system.cores_of())
        request: Request = (job.message["command"], str(job.folder), env, cores)
        failure, failed = os.pipe()
        try:
            pid = starter.fork(request, [channel, write, failed])
        finally:
            os.close(failed)
        process = Adopted(pid, os.fdopen(read, "rb"))
        with os.fdopen(failure, "rb") as said:
            if said.read():
                process.wait()
                process.stdout.close()
                return None
    finally:
        os.close(write)
    return process


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
