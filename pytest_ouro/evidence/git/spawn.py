"""Start programs without `subprocess`, whose import takes as long as our own start."""

from __future__ import annotations

import contextlib
import os
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

#: A posix_spawn file action, applied to the program's streams before it starts.
Action = tuple[int, int, int] | tuple[int, int, str, int, int]


#: Milliseconds without output after which it is asked whether something blocks a program.
_SILENCE = 5000
_SIGKILL = 9  # the module signal is not needed for more


def output(
    command: list[str],
    env: Mapping[str, str],
    stdin: bytes = b"",
    *,
    late: Callable[[], None] = lambda: None,
) -> tuple[int, bytes, bytes]:
    """Run a program; return its exit status, standard output and standard error.

    ``stdin`` is its standard input. If it is silent for long, ``late`` is called; what that raises
    ends the program. OSError if it cannot be started.
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
        said, error = _read(out, err, late=late)
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
    """Yield an unnamed file with these bytes, or None without bytes; a pipe could fill up."""
    if not contents:
        yield None
        return
    import tempfile

    with tempfile.TemporaryFile() as file:
        file.write(contents)
        file.seek(0)
        yield file.fileno()


class Conversation:
    """A running program with open pipes to its standard input and output."""

    def __init__(self, command: list[str], env: Mapping[str, str]) -> None:
        (asked, ask), (answer, answered) = _pipe(), _pipe()
        self.ask, self.answer = os.fdopen(ask, "wb"), os.fdopen(answer, "rb")
        try:
            self._pid = _start(command, env, [_dup(asked, 0), _dup(answered, 1), _nothing(2)])
        except OSError:
            self.ask.close()
            self.answer.close()
            raise
        finally:
            os.close(asked)
            os.close(answered)

    def hang_up(self) -> None:
        """End the program, and close the pipes."""
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
    return (os.POSIX_SPAWN_DUP2, end, stream)


def _nothing(stream: int) -> Action:
    return (os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0)


def _start(command: list[str], env: Mapping[str, str], files: list[Action]) -> int:
    return os.posix_spawn(_find_program(command[0], env), command, env, file_actions=files)


def _find_program(name: str, env: Mapping[str, str]) -> str:
    """Return the path of a program, searched in the PATH of ``env``; FileNotFoundError."""
    for folder in env["PATH"].split(os.pathsep):
        path = f"{folder}/{name}"
        if os.access(path, os.X_OK) and os.path.isfile(path):  # noqa: PTH113 - text
            return path
    raise FileNotFoundError(name)


def _read(*pipes: int, late: Callable[[], None]) -> list[bytes]:
    """Read all pipes to their ends at the same time, so that none blocks the program."""
    said: dict[int, list[bytes]] = {pipe: [] for pipe in pipes}
    poll = select.poll()
    for pipe in pipes:
        poll.register(pipe, select.POLLIN)
    waiting = len(pipes)
    while waiting:
        ready = poll.poll(_SILENCE)
        if not ready:
            late()
        for pipe, _ in ready:
            part = os.read(pipe, 1 << 16)
            said[pipe].append(part)
            if not part:
                poll.unregister(pipe)
                waiting -= 1
    return [b"".join(said[pipe]) for pipe in pipes]
