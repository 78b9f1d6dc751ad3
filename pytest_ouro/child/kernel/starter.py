"""The starter: a small process that starts each command of a session, and waits for it.

A fork of pytest's own process would copy a memory that is many times larger. It imports little, and
nothing of the experiment runs in it.
"""

from __future__ import annotations

import _socket
import marshal
import os
import resource
import struct

from . import subreaper, system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn, TypeAlias

    #: A command to start, its folder, its environment variables and the cores that it may use.
    Request: TypeAlias = tuple[list[str], str, dict[str, str], list[int]]

#: The largest request in bytes; a longer one cannot be sent.
LONGEST = 1 << 18
#: Lets a descriptor that is received be closed when a program is executed; only Linux has it.
CLOSED_ON_EXEC = getattr(_socket, "MSG_CMSG_CLOEXEC", 0)


def serve(fd: int) -> None:
    """Start a command for each request over the socket ``fd``, and wait until it ends; return
    never. When the supervisor hangs up, or something fails, kill all descendants and this process.

    A request comes with one descriptor, that of a pipe for the command's output. It is answered by
    the command's process id, the CPU seconds that this process and its ended children have used,
    and the largest memory of this process in KiB. The id is 0 if the command cannot be started.
    When the command has ended, its wait status follows, with the CPU seconds and the largest memory
    in KiB of all its processes that have ended, and 1 if others are left, else 0.
    """
    system.set_dumpable(False)  # of the forks neither, until one becomes the command
    system.adopt_orphans()
    os.set_inheritable(fd, False)
    requests = _socket.socket(fileno=fd)
    subreaper.ignore_requests_to_end()
    awake = subreaper.watch_children()
    room = _socket.CMSG_SPACE(struct.calcsize("i"))
    try:
        while True:
            data, ancillary, *_ = requests.recvmsg(LONGEST, room, CLOSED_ON_EXEC)
            if not data:
                return
            [(output,)] = (struct.unpack("i", given) for _, _, given in ancillary)
            child = _start(marshal.loads(data), output)
            os.close(output)
            own = resource.getrusage(resource.RUSAGE_SELF)
            before = _seconds(own) + _seconds(resource.getrusage(resource.RUSAGE_CHILDREN))
            requests.send(b"%d %f %d" % (child, before, own.ru_maxrss))
            if child:
                requests.send(b"%d %f %d %d" % _wait(child, fd, awake))
    finally:  # the supervisor may have been killed at any time: a command, or a part, may be left
        subreaper.kill_all()


def _start(request: Request, output: int) -> int:
    """Fork a process that becomes the command of ``request``, and return its id; 0 if the command
    cannot be started. ``output`` is the descriptor of a pipe for the command's output."""
    failure, failed = os.pipe()  # the end for writing closes when the command is executed
    parent = os.getpid()
    child = os.fork()
    if not child:
        _become(request, output, failed, parent)
    os.close(failed)
    has_failed = os.read(failure, 1)
    os.close(failure)
    if has_failed:
        os.waitpid(child, 0)
        return 0
    return child


def _become(request: Request, output: int, failed: int, parent: int) -> NoReturn:
    """Become the command of ``request``, in the session and group of ``parent``, with which Linux
    kills it; return never. A command that led a group of its own could not make another, as some
    do. A byte is written to the descriptor ``failed`` if it cannot be executed."""
    try:
        # Each page that is written after a fork is copied: only the last steps come after it.
        for stream in (1, 2):
            os.dup2(output, stream)
        command, folder, env, cores = request
        system.confine_to(cores)
        os.chdir(folder)
        subreaper.restore_signals()
        subreaper.die_with(parent)
        os.execvpe(command[0], command, env)
    except Exception:  # also a zero byte in a word, for example
        os.write(failed, b".")
    finally:
        os._exit(1)


def _wait(child: int, channel: int, awake: int) -> tuple[int, float, int, int]:
    """Wait until the command ``child`` ends. Return its wait status, the CPU seconds and the
    largest memory in KiB of its processes that have ended, and 1 if others are left, else 0.
    ``channel`` and ``awake`` are as in `subreaper.wait`."""
    seconds, largest = 0.0, 0

    def reap() -> tuple[int, int]:
        """Return the id of a process that has ended, 0 if none has, and its wait status; count what
        it and its children used."""
        nonlocal seconds, largest
        pid, status, used = os.wait4(-1, os.WNOHANG)
        if pid and not os.WIFSTOPPED(status):  # as one stops that asks its parent to trace it
            seconds += _seconds(used)
            largest = max(largest, used.ru_maxrss)
        return pid, status

    status = subreaper.wait(child, channel, awake, reap)
    try:
        while reap()[0]:
            pass
    except ChildProcessError:  # nothing is left: each orphan would be a child of this process
        return status, seconds, largest, 0
    return status, seconds, largest, 1


def _seconds(used: resource.struct_rusage) -> float:
    """Return the CPU seconds, user and system, of a usage."""
    return used.ru_utime + used.ru_stime
