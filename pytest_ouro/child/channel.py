"""JSON lines over a socket, and what ends a process when the other end hangs up."""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import sys
import threading
from typing import Any

#: Nothing that is said is longer, but the job; a peer that says more is not one of ours.
LONGEST = 1 << 16


class Channel:
    """One end of a socket that carries JSON lines; the process ends with the other end."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._file = self._socket.makefile("rwb")

    def fileno(self) -> int:
        return self._socket.fileno()

    def close_on_exec(self) -> None:
        self._socket.set_inheritable(False)

    def wait_for_hang_up(self) -> None:
        """Return never: the process group ends when the other end of the channel closes."""
        poll = select.poll()
        poll.register(self._socket, getattr(select, "POLLRDHUP", 0))
        poll.poll()
        os.kill(0, signal.SIGKILL)  # as a sandbox lets it

    def receive(self, longest: int = -1) -> dict[str, Any]:
        """The next message; EOFError once the other end is closed, ValueError if it is none."""
        line = self._file.readline(longest)
        if not line:
            raise EOFError
        message = json.loads(line)
        if not isinstance(message, dict):
            raise ValueError(f"no message: {line[:80]!r}")
        return message

    def send(self, message: dict[str, Any]) -> None:
        self._file.write(json.dumps(message).encode() + b"\n")
        self._file.flush()

    def tell(self, event: str, **facts: object) -> dict[str, Any]:
        """Tell the supervisor, whose clock is read before it answers; returns the answer."""
        try:
            self.send({"event": event, **facts})
            return self.receive()
        except (EOFError, ConnectionError):
            os._exit(70)  # the supervisor is gone


def keep_to_itself() -> None:
    """No process of the same user may read or trace this one from now on; root's still may."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE


def die_with(supervisor: int, channel: Channel) -> None:
    """See to it that this process does not outlive the supervisor.

    Linux kills it with its parent. Where that is not the supervisor but what the bound starts
    Python with (``uv run`` stays), or not Linux, a thread waits for the channel to be hung up.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if sys.platform != "linux" or os.getppid() != supervisor:
        threading.Thread(target=channel.wait_for_hang_up, daemon=True).start()
