"""What stays beside a run: it ends as the run ends, and ends the run with the supervisor."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pathlib
import resource
import select
import signal
import sys
import time
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from .channel import Channel


def fork_supervised(channel: Channel) -> None:
    """Fork, and return in the child. The parent keeps it: it ends as the child ends, and when the
    supervisor is gone it ends the child with all that descends from it.

    Killed itself, it takes the child along on Linux; what is left then is the supervisor's to end.
    """
    _adopt_orphans()
    keeper = os.getpid()
    child = os.fork()
    if child:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # these are for the child
        _end_as(_wait(child, channel))
    _die_with(keeper)


def _adopt_orphans() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(70)


def _wait(child: int, channel: Channel) -> int:
    """Wait for the child's end, and bring it about when the supervisor hangs up; its status."""
    awake, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    poll = select.poll()
    poll.register(awake, select.POLLIN)
    poll.register(channel.fileno(), getattr(select, "POLLRDHUP", 0))
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)  # orphans that it has adopted too
        if pid == child:
            return status
        if pid:
            continue
        for fd, _ in poll.poll():
            if fd == awake:
                os.read(awake, 512)
            else:
                _end_everyone()


def _end_everyone() -> NoReturn:
    """Kill all that descends from this process, then end."""
    if sys.platform == "linux":
        with contextlib.suppress(ChildProcessError):  # there is nobody left
            for _ in range(1000):
                for pid in _descendants():
                    with contextlib.suppress(OSError):
                        os.kill(pid, signal.SIGKILL)
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
                time.sleep(0.01)
    os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(70)


def _descendants() -> list[int]:
    parents: dict[int, int] = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):  # it has just gone
            fields = stat.read_bytes().rpartition(b")")[2].split()
            parents[int(stat.parent.name)] = int(fields[1])
    found = [os.getpid()]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def _end_as(status: int) -> NoReturn:
    """End with the status of a process that was waited for; by the same signal if by one."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status))
