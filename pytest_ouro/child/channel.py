"""Messages over a socket, as lines of JSON; and functions by which a child process protects itself
from being read, and ends with its supervisor."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import threading

from .kernel import system

#: The longest message in bytes, except for the job. A peer that sends more is not ours.
LONGEST = 1 << 16


class Channel:
    """One of two connected sockets, by which two processes of a run, such as the judge and the
    supervisor, exchange messages: JSON objects, one a line. It takes over the socket whose
    descriptor is ``fd``."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._file = self._socket.makefile("rwb")

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._socket.fileno()

    def close_on_exec(self) -> None:
        """Keep the socket from programs that this process executes; its forks still have it."""
        self._socket.set_inheritable(False)

    def wait_for_hang_up(self) -> None:
        """Wait until the other end of the channel closes, then kill this process and its group by
        SIGKILL. This does not return."""
        poll = select.poll()
        poll.register(self._socket, getattr(select, "POLLRDHUP", 0))
        poll.poll()
        os.kill(0, signal.SIGKILL)  # the sandbox allows signals to the own group

    def receive(self, longest: int = -1) -> dict[str, object]:
        """Wait for the next message and return it. Raise EOFError if the other end is closed,
        OSError if the connection breaks. Raise ValueError if the line is not a JSON object or has
        more than ``longest`` bytes (-1: any length); of a longer line only the first ``longest``
        bytes are read. Raise RecursionError if the object is nested too deeply."""
        line = self._file.readline(longest)
        if not line:
            raise EOFError
        message = json.loads(line)
        if not isinstance(message, dict):
            raise ValueError(f"no message: {line[:80]!r}")
        return message

    def send(self, message: dict[str, object]) -> None:
        """Send one message. Raise OSError if the other end is closed."""
        self._file.write(json.dumps(message).encode() + b"\n")
        self._file.flush()

    def report(self, event: str, **facts: object) -> dict[str, object]:
        """Send an event with its facts to the supervisor, wait for its answer (a JSON object) and
        return it: the supervisor reads its clock in between. If the supervisor is gone, this
        process exits with status 70, and nothing is raised."""
        try:
            self.send({"event": event, **facts})
            return self.receive()
        except (EOFError, ConnectionError):
            os._exit(70)  # the supervisor is gone


def make_undumpable() -> None:
    """Keep other processes of the same user from reading or tracing this one (root still can). Do
    nothing on systems other than Linux."""
    system.set_dumpable(False)


def die_with(supervisor: int, channel: Channel) -> None:
    """Make the system end this process when the supervisor, whose process id is ``supervisor``,
    ends; return at once.

    Linux kills this process when its parent ends. The parent may be another process than the
    supervisor: under ``uv run``, it is uv, which outlives the supervisor. In this case, and on
    other systems than Linux, a thread kills the process group when the other end of ``channel``
    closes.
    """
    system.end_with_parent(signal.SIGKILL)
    if not system.is_linux() or os.getppid() != supervisor:
        threading.Thread(target=channel.wait_for_hang_up, daemon=True).start()
