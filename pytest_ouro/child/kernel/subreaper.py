"""A process between the supervisor and the run: it waits for the run, exits like it, and kills it
when the supervisor ends."""

from __future__ import annotations

import os
import resource
import select
import time

from . import system

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from typing import NoReturn
else:
    import _signal as signal  # signal makes enumerations, which takes longer than all imports here

#: The signals that ask a process to end.
_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def fork_supervised(channel: int) -> None:
    """Fork, and return in the child only. The parent waits for the child, then exits with the same
    status, or dies by the same signal.

    If the supervisor hangs up first, which closes the other end of the socket with the descriptor
    ``channel``, the parent kills its descendants (on Linux; elsewhere its process group) and
    itself. If the parent is killed, Linux kills the child too, and the supervisor ends the other
    descendants.
    """
    system.adopt_orphans()
    parent = os.getpid()
    child = os.fork()
    if child:
        for number in _TO_END:
            signal.signal(number, signal.SIG_IGN)  # these are for the child
        _exit_like(wait(child, channel, watch_children()))
    die_with(parent)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # if ignored, CPU seconds of children are lost


def restore_signals() -> None:
    """Give SIGPIPE and SIGXFSZ, which Python ignores, their default action: a program that this
    process executes would ignore them too."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)


def ignore_requests_to_end() -> None:
    """Let this process ignore the signals that ask it to end. A program that it executes gets their
    default action, or ignores those that this process ignored before."""
    for number in _TO_END:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _do_nothing)


def _do_nothing(*_: object) -> None:
    """Handle a signal: it only ends a wait."""


def die_with(parent: int) -> None:
    """Make Linux kill this process when ``parent``, its parent's process id, ends; exit with 70 if
    it has ended already. Do nothing on other systems."""
    system.end_with_parent(signal.SIGKILL)
    if system.is_linux() and os.getppid() != parent:
        os._exit(70)


def watch_children() -> int:
    """Return the descriptor of a pipe that can be read whenever a child of this process has
    ended."""
    awake, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _do_nothing)
    return awake


def _reap() -> tuple[int, int]:
    """Return the id of a child that has ended, 0 if none has, and its wait status, without waiting;
    ChildProcessError if there is no child."""
    return os.waitpid(-1, os.WNOHANG)


def wait(child: int, channel: int, awake: int, reap: Callable[[], tuple[int, int]] = _reap) -> int:
    """Wait until the process ``child`` ends, and return its wait status; adopted orphans that end
    before it are reaped too. If the supervisor hangs up ``channel`` first, kill all descendants and
    this process instead. ``awake`` is what `watch_children` returned, and ``reap`` returns as
    `_reap` does."""
    poll = select.poll()
    poll.register(awake, select.POLLIN)
    poll.register(channel, getattr(select, "POLLRDHUP", 0))
    while True:
        pid, status = reap()
        if pid == child and not os.WIFSTOPPED(status):  # a stop of one that asked to be traced
            return status
        if pid:
            continue
        for fd, _ in poll.poll():
            if fd == awake:
                os.read(awake, 512)
            else:
                kill_all()


def kill_all() -> NoReturn:
    """Kill all descendants of this process (on Linux), then its process group, with itself; return
    never."""
    if system.is_linux():
        try:
            for _ in range(1000):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
                for pid in _descendants():
                    _kill(pid)
                time.sleep(0.01)
        except ChildProcessError:  # no child is left
            pass
    os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(70)


def _kill(pid: int) -> None:
    """Kill a process, unless it has ended."""
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass


def _descendants() -> list[int]:
    """Return the ids of all descendants of this process, parents before their children, without its
    own."""
    parents: dict[int, int] = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 - text
        try:
            with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123 - text
                fields = stat.read().rpartition(b")")[2].split()
            parents[int(pid)] = int(fields[1])
        except (OSError, ValueError):  # the process has just ended
            pass
    found = [os.getpid()]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def _exit_like(status: int) -> NoReturn:
    """End this process as the child with the wait status ``status`` ended: with the same exit
    status, or by the same signal, without a core file."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status))
