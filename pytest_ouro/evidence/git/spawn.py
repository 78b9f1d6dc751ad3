"""Start programs without `subprocess`, whose import takes as long as our own start."""

from __future__ import annotations

import contextlib
import io
import os
import select
from typing import TYPE_CHECKING

from pytest_ouro.messages import git as messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from typing_extensions import Buffer

#: A posix_spawn file action, applied to the program's streams before it starts.
Action = tuple[int, int, int] | tuple[int, int, str, int, int]


#: Milliseconds without output after which it is asked whether something blocks a program.
_SILENCE = 3000
#: So many silences in a row, ten minutes, end a program whatever it does.
_SILENCES = 200
_SIGKILL = 9  # the module signal is not needed for more


def output(
    command: list[str],
    env: Mapping[str, str],
    stdin: bytes = b"",
    *,
    late: Callable[[], None] = lambda: None,
) -> tuple[int, bytes, bytes]:
    """Run a program; return its exit status (negative for a signal), standard output and standard
    error.

    ``stdin`` is its standard input. ``env`` is its whole environment, in whose PATH it is searched.
    After 3, 6, 12, … seconds of silence ``late`` is called; what that raises ends the program.
    GitError if the program waits for something (found out on Linux alone), or is silent for ten
    minutes; OSError if it cannot be started.
    """
    (out, out_end), (err, err_end) = _pipe(), _pipe()
    try:
        with _file(stdin) as fd:
            given = _nothing(0) if fd is None else _dup(fd, 0)
            pid = _start(command, env, [given, _dup(out_end, 1), _dup(err_end, 2)])
    except OSError:
        os.close(out)
        os.close(err)
        raise
    finally:
        os.close(out_end)
        os.close(err_end)
    try:
        said, error = _read(out, err, pid=pid, late=late)
    except BaseException:
        os.kill(pid, _SIGKILL)
        raise
    finally:
        os.close(out)
        os.close(err)
        status = os.waitpid(pid, 0)[1]
    return os.waitstatus_to_exitcode(status), said, error


@contextlib.contextmanager
def _file(contents: bytes) -> Iterator[int | None]:
    """Yield the descriptor of an unnamed file with these bytes, or None if there are no bytes. A
    pipe could fill up."""
    if not contents:
        yield None
        return
    import tempfile

    with tempfile.TemporaryFile() as file:
        file.write(contents)
        file.seek(0)
        yield file.fileno()


class Conversation:
    """A running program with open pipes to its standard input (``ask``) and output (``answer``);
    its standard error is discarded. OSError if it cannot be started.

    If it is silent for long when it should answer, ``late`` is called, as by :func:`output`;
    reading ``answer`` raises what ``late`` raises, or GitError, as in `_Patience.wait`.
    """

    def __init__(
        self,
        command: list[str],
        env: Mapping[str, str],
        *,
        late: Callable[[], None] = lambda: None,
    ) -> None:
        (asked, ask), (answer, answered) = _pipe(), _pipe()
        pipe = _Pipe(answer)
        self.ask, self.answer = os.fdopen(ask, "wb"), io.BufferedReader(pipe, 1 << 16)
        try:
            self._pid = _start(command, env, [_dup(asked, 0), _dup(answered, 1), _nothing(2)])
            pipe.patience = _Patience(self._pid, late)
        except OSError:
            self.ask.close()
            self.answer.close()
            raise
        finally:
            os.close(asked)
            os.close(answered)

    def hang_up(self) -> None:
        """Kill the program, close the pipes, and wait for its end."""
        os.kill(self._pid, _SIGKILL)  # it may be writing what nobody wants to read
        for pipe in (self.ask, self.answer):
            with contextlib.suppress(OSError):  # it ended before
                pipe.close()
        os.waitpid(self._pid, 0)


def _pipe() -> tuple[int, int]:
    """Return the ends of a pipe, both above 2: a lower number, free because a standard stream is
    closed, would be overwritten in the program."""
    ends = os.pipe()
    if min(ends) > 2:
        return ends
    import fcntl

    read, write = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 3) for end in ends)
    for end in ends:
        os.close(end)
    return read, write


def _dup(end: int, stream: int) -> Action:
    """Return the action that makes ``stream`` of the program the file with the descriptor
    ``end``."""
    return (os.POSIX_SPAWN_DUP2, end, stream)


def _nothing(stream: int) -> Action:
    """Return the action that opens the null device as ``stream`` of the program."""
    return (os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0)


def _start(command: list[str], env: Mapping[str, str], files: list[Action]) -> int:
    """Start a program, found in the PATH of ``env``, with these streams; return its process id.
    OSError if it cannot be started."""
    return os.posix_spawn(_find_program(command[0], env), command, env, file_actions=files)


def _find_program(name: str, env: Mapping[str, str]) -> str:
    """Return the path of a program, searched in the PATH of ``env``; FileNotFoundError if it is in
    no folder there."""
    for folder in env["PATH"].split(os.pathsep):
        path = f"{folder}/{name}"
        if os.access(path, os.X_OK) and os.path.isfile(path):  # noqa: PTH113 - text
            return path
    raise FileNotFoundError(name)


def _read(*pipes: int, pid: int, late: Callable[[], None]) -> list[bytes]:
    """Return the bytes that each pipe gives up to its end, in the order of ``pipes``. All are read
    at the same time, so that none blocks the program. GitError, or what ``late`` raises, as in
    `_Patience.wait`."""
    said: dict[int, list[bytes]] = {pipe: [] for pipe in pipes}
    patience = _Patience(pid, late)
    poll = select.poll()
    for pipe in pipes:
        poll.register(pipe, select.POLLIN)
    waiting = len(pipes)
    while waiting:
        for pipe in patience.wait(poll):
            part = os.read(pipe, 1 << 16)
            said[pipe].append(part)
            if not part:
                poll.unregister(pipe)
                waiting -= 1
    return [b"".join(said[pipe]) for pipe in pipes]


class _Pipe(io.FileIO):
    """The output of a program, which is read as long as there is ``patience``."""

    patience: _Patience

    def readinto(self, buffer: Buffer) -> int | None:
        """Wait for output and read a part of it; return its bytes' number, 0 at the end. Errors as
        in `_Patience.wait`."""
        poll = select.poll()
        poll.register(self, select.POLLIN)
        self.patience.wait(poll)
        return super().readinto(buffer)


class _Patience:
    """Waits for the output of a program that is silent: while it does something, up to ten
    minutes."""

    def __init__(self, pid: int, late: Callable[[], None]) -> None:
        self._pid = pid
        self._late = late
        self._error: Exception | None = None

    def wait(self, poll: select.poll) -> list[int]:
        """Wait until a pipe of ``poll`` can be read, and return the descriptors of those that can.

        GitError if the program sleeps without an end (found out on Linux alone) or is silent for
        ten minutes; also what ``late`` raises, which is called after 3, 6, 12, … seconds of
        silence. After an error the program is killed, and every later call raises the same at once.
        """
        if not self._error:
            return self._wait_first(poll)
        from copy import copy

        raise copy(self._error)

    def _wait_first(self, poll: select.poll) -> list[int]:
        """Do what `wait` does for a first error: kill the program, remember the error, and raise
        it."""
        try:
            return self._wait(poll)
        except Exception as error:
            from copy import copy

            os.kill(self._pid, _SIGKILL)  # it would outlive this process
            # The traceback refers to all that waits, and would keep it from being freed.
            self._error = copy(error)
            raise

    def _wait(self, poll: select.poll) -> list[int]:
        """Wait until a pipe of ``poll`` can be read, and return the descriptors of those that can.
        Raise as `wait` does, without killing the program."""
        silences, before = 0, ""
        while not (ready := poll.poll(_SILENCE)):
            silences += 1
            if silences & (silences - 1) == 0:  # after 1, 2, 4, 8, …: it may take long
                self._late()
            now = _asleep(self._pid)
            if silences >= _SILENCES or (now and now == before):
                raise messages.silent()
            before = now
        return [pipe for pipe, _ in ready]


def _asleep(pid: int) -> str:
    """Return as text how often each thread of a process has gone to sleep; "" if one thread is not
    asleep, or the system does not say. The same text after a silence shows that the process
    waits."""
    found = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - text
            with open(f"/proc/{pid}/task/{thread}/status") as file:  # noqa: PTH123 - text
                said = dict(line.split(":\t", 1) for line in file if ":\t" in line)
            if not said.get("State", "").startswith("S"):
                return ""
            found.append(said.get("voluntary_ctxt_switches", "").strip())
    return " ".join(found)
