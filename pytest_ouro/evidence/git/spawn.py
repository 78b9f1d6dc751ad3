"""Run programs without the module `subprocess`, whose import would double the start-up time."""

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
    """Run a program to its end; return its exit status (negative: the signal that killed it), its
    standard output and its standard error.

    ``env`` is its whole environment, and the program is searched in its PATH; ``stdin`` is its
    standard input. ``late`` is called after 3, 6, 12, … seconds without output; if it raises, the
    program is killed and that error is raised. If the program prints nothing and does not wake up
    between two looks 3 s apart (seen on Linux only), it is taken to be blocked for ever: it is
    killed and GitError is raised, as if it prints nothing for ten minutes. So do not run a program
    that sleeps. Raise OSError if the program cannot be started.
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
    """Yield the descriptor of a temporary file that holds ``contents``, or None if ``contents`` is
    empty. It is used as standard input, because a pipe could fill up and block."""
    if not contents:
        yield None
        return
    import tempfile

    with tempfile.TemporaryFile() as file:
        file.write(contents)
        file.seek(0)
        yield file.fileno()


class Conversation:
    """A running program with one pipe to its standard input (``ask``) and one from its standard
    output (``answer``); its standard error is discarded. Raise OSError if it cannot be started.

    A read of ``answer`` waits for the program. After 3, 6, 12, … seconds without output it calls
    ``late``, and it raises what ``late`` raises. It raises GitError if the program prints nothing
    for ten minutes, or is taken to be blocked for ever, as in `output`.
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
        """Kill the program, close its pipes, and wait until it has ended."""
        os.kill(self._pid, _SIGKILL)  # it may be writing what nobody wants to read
        for pipe in (self.ask, self.answer):
            with contextlib.suppress(OSError):  # it ended before
                pipe.close()
        os.waitpid(self._pid, 0)


def _pipe() -> tuple[int, int]:
    """Return the read end and the write end of a new pipe, both with numbers above 2, since a lower
    one would be taken for a standard stream when the program starts."""
    ends = os.pipe()
    if min(ends) > 2:
        return ends
    import fcntl

    read, write = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 3) for end in ends)
    for end in ends:
        os.close(end)
    return read, write


def _dup(end: int, stream: int) -> Action:
    """Return the posix_spawn action that makes the descriptor ``end`` the program's ``stream`` (0,
    1, 2)."""
    return (os.POSIX_SPAWN_DUP2, end, stream)


def _nothing(stream: int) -> Action:
    """Return the posix_spawn action that opens /dev/null as the program's ``stream`` (0, 1 or
    2)."""
    return (os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0)


def _start(command: list[str], env: Mapping[str, str], files: list[Action]) -> int:
    """Start a program, found in the PATH of ``env``, with the file actions ``files``; return its
    process id. Raise OSError if it cannot be started."""
    return os.posix_spawn(_find_program(command[0], env), command, env, file_actions=files)


def _find_program(name: str, env: Mapping[str, str]) -> str:
    """Return the path of the executable ``name`` in the first folder of the PATH of ``env`` that
    has it. Raise FileNotFoundError if none has."""
    for folder in env["PATH"].split(os.pathsep):
        path = f"{folder}/{name}"
        if os.access(path, os.X_OK) and os.path.isfile(path):  # noqa: PTH113 - text
            return path
    raise FileNotFoundError(name)


def _read(*pipes: int, pid: int, late: Callable[[], None]) -> list[bytes]:
    """Read all pipes of the process ``pid`` at the same time until each is closed; return the bytes
    of each, in the order of ``pipes``. Raise GitError, or what ``late`` raises, as `output`
    does."""
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
    """The read end of a program's output, each read of which first waits by ``patience``."""

    patience: _Patience

    def readinto(self, buffer: Buffer) -> int | None:
        """Wait for output, read a part of it into ``buffer``, and return the number of bytes, 0 at
        the end. Raise what `_Patience.wait` raises if the program blocks or is silent for too
        long."""
        poll = select.poll()
        poll.register(self, select.POLLIN)
        self.patience.wait(poll)
        return super().readinto(buffer)


class _Patience:
    """Waits for the output of a program, and gives up if it blocks or is silent for ten minutes."""

    def __init__(self, pid: int, late: Callable[[], None]) -> None:
        self._pid = pid
        self._late = late
        self._error: Exception | None = None

    def wait(self, poll: select.poll) -> list[int]:
        """Wait until a pipe of ``poll`` can be read, and return the descriptors of those that
        can.

        ``late`` is called after 3, 6, 12, … seconds of silence. If it raises, kill the program
        and raise the same. If the program is silent for ten minutes, or does not wake up between
        two looks 3 s apart (seen on Linux only), so that it is taken to be blocked for ever, kill
        it and raise GitError. Every later call raises that first error again at once.
        """
        if not self._error:
            return self._wait_first(poll)
        from copy import copy

        raise copy(self._error)

    def _wait_first(self, poll: select.poll) -> list[int]:
        """Wait until a pipe of ``poll`` can be read, and return the descriptors of those that can.
        On an error, kill the program, store the error for later calls, and raise it."""
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
        Raise what ``late`` raises, or GitError, without killing the program."""
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
    """Return a text by which two looks at a process show whether it ran between them: if both texts
    are equal and not "", it was blocked all the time. The text has the number of voluntary context
    switches of each thread. Return "" if a thread is not sleeping, or if the system does not
    say."""
    found = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - text
            with open(f"/proc/{pid}/task/{thread}/status") as file:  # noqa: PTH123 - text
                said = dict(line.split(":\t", 1) for line in file if ":\t" in line)
            if not said.get("State", "").startswith("S"):
                return ""
            found.append(said.get("voluntary_ctxt_switches", "").strip())
    return " ".join(found)
