"""Find the processes of a run, measure their CPU seconds and memory, and end them.

A run has its own session. Processes that leave it by ``setsid`` or a double fork are still found:
on Linux orphans become children of this process, which is a subreaper.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import resource
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.child.kernel import system
from pytest_ouro.core.fast_dataclass import dataclass, field
from pytest_ouro.experiment.supervision.vanished import ListedProcess, Used, Vanished

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_ouro.experiment.supervision.start_process import Process

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Usage:
    """The CPU seconds of a run's processes, on Linux including those of the children that they have
    waited for; and the resident memory of all its processes together, in MB of 2**20 bytes."""

    cpu_seconds: float
    resident_mb: float


def uses_other_cores(pids: Iterable[int], cores: frozenset[int]) -> bool:
    """Return whether a thread of one of these processes (``pids``) may run on a core that is not in
    ``cores``; processes that have ended are ignored. Always False except on Linux."""
    for pid in pids:
        with contextlib.suppress(OSError):  # it has ended
            for thread in Path(f"/proc/{pid}/task").iterdir():
                if not system.cores_of(int(thread.name)) <= cores:
                    return True
    return False


@dataclass(frozen=False)
class Family:
    """All processes of a run: the process ``leader``, which leads a session, and its descendants;
    on Linux also descendants that lost their parent.

    Make it before the leader is reaped (waited for). On Linux, a child of this process counts as
    one of the run if its session is not that of this process. Exceptions are a child that is older
    than the leader, and one whose id is in ``strangers``: the children that this process had before
    the run (see `children`). ``is_starter`` says that the leader is a `Starter`: the command is its
    child, and it adopts what loses its parent. Then its own memory, and what it and its children
    used before, are not counted. ``adopts`` says that this process was a subreaper
    before the leader started (`system.adopt_orphans`).
    """

    leader: int
    strangers: frozenset[int] = frozenset()
    is_starter: bool = False
    adopts: bool = False
    _adopted: dict[int, float] = field(default_factory=dict)
    _vanished: Vanished = field(default_factory=Vanished)
    #: Whether children vanished that no parent waited for, so that their CPU time is unknown.
    unaccounted: bool = False
    #: The processes that lived at the last scan.
    living: tuple[int, ...] = ()
    #: Linux only: when the leader started, in ticks since boot; infinite if it is reaped already.
    _since: float = 0.0
    #: The starter as it was when the command started; None for another leader.
    _before: ListedProcess | None = None

    def __post_init__(self) -> None:
        """On Linux, read the start time of the leader, by which older processes are recognised."""
        if system.is_linux():
            leader = _read(str(self.leader))
            self._since = math.inf if leader is None else float(leader.born)
            self._before = leader if self.is_starter else None

    def usage(self) -> Usage:
        """List the processes of the run, and return their usage together. CPU seconds of orphans
        that have ended are included.

        This updates ``living``, and sets ``unaccounted`` if usage of vanished processes is lacking.
        """
        members = self._members()
        own = [p for p in members if not (self.is_starter and p.pid == self.leader)]
        self.living = tuple(process.pid for process in own if not process.dead)
        for process in members:
            if self._is_orphan(process):
                self._adopted[process.pid] = process.cpu_seconds
        # Scan twice: a process listed early may reap one that would be listed late.
        if self._lacks_usage(members) and self._lacks_usage(self._members()):
            self.unaccounted = True
        cpu = sum(p.cpu_seconds for p in members if p.pid not in self._adopted)
        return Usage(cpu + sum(self._adopted.values()), sum(p.resident_mb for p in own))

    def _lacks_usage(self, members: list[ListedProcess]) -> bool:
        """Return whether usage of vanished processes is lacking; False once the leader is reaped,
        or except on Linux."""
        return any(p.pid == self.leader for p in members) and self._vanished.scan(members)

    def end(self, process: Process, *, grace: float = 3.0) -> None:
        """End and reap all processes of the run; ``process`` is the leader's, or the command of a
        starter. If it still runs, its group gets TERM and up to ``grace`` seconds to end. Then
        every process gets KILL, and again each that is found later, until none is left or about a
        second has passed. A starter ends too, unless its command has ended and left nothing."""
        deadline = time.monotonic() + grace
        if process.poll() is None and signal_group(self.leader, signal.SIGTERM):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0.0, deadline - time.monotonic()))
        if not isinstance(process, subprocess.Popen):
            if process.poll() is not None and process.is_alone:
                return
            process.close_starter()
        signal_group(self.leader, signal.SIGKILL)
        process.wait()
        for _ in range(100):  # a process that is forked meanwhile is found in the next round
            if not self._may_remain():
                return
            survivors = [member for member in self._members() if member.pid != self.leader]
            for member in survivors:
                with contextlib.suppress(OSError):
                    os.kill(member.pid, signal.SIGKILL)
                if self._is_orphan(member):
                    with contextlib.suppress(OSError):
                        os.waitpid(member.pid, 0)
            if not survivors:
                return
            time.sleep(0.01)

    def _may_remain(self) -> bool:
        """Return whether a process of the run may be left when the leader is reaped: this process
        has a child that is not a stranger. True also if it adopts no orphans, or has other
        threads."""
        if not self.adopts or len([*Path("/proc/self/task").iterdir()]) > 1:
            return True  # another thread may reap children while they are listed
        return not children() <= self.strangers

    def _is_orphan(self, process: ListedProcess) -> bool:
        """Return whether a process is a child of this one other than the leader: one of the run
        that lost its parent, or a stranger."""
        return process.parent == os.getpid() and process.pid != self.leader

    def _is_stranger(self, process: ListedProcess) -> bool:
        """Return whether a child of this process, on Linux, does not belong to the run: it is older
        than the leader, or its id is in ``strangers``."""
        return process.pid in self.strangers or int(process.born) < self._since

    def _members(self) -> list[ListedProcess]:
        """Return the processes of the run as the system lists them now: the leader's group and
        session; on Linux also children of this process that are in another session than it, except
        older ones and ``strangers``; and the descendants of all these."""
        everyone = _list()
        ours = os.getsid(0)
        adopts = system.is_linux()  # elsewhere all our children are strangers, such as git
        members = {
            p.pid: p
            for p in everyone
            if self.leader in (p.pid, p.group, p.session)
            or (adopts and p.session != ours and self._is_orphan(p) and not self._is_stranger(p))
        }
        while grown := [p for p in everyone if p.parent in members and p.pid not in members]:
            members.update((p.pid, p) for p in grown)
        if self._before and self.leader in members:
            members[self.leader] = members[self.leader].since(self._before)
        return list(members.values())


def reaped_cpu_seconds() -> float:
    """Return the CPU seconds, user and system, of all ended children that this process has waited
    for, and of those that they waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def largest_mb(who: int) -> float:
    """Return the largest resident memory of one process so far, in MB of 2**20 bytes: of this one
    for ``resource.RUSAGE_SELF``, and for ``resource.RUSAGE_CHILDREN`` of any ended child that this
    process has waited for, or that such a child has. Except on Linux 0."""
    return resource.getrusage(who).ru_maxrss / 1024 if system.is_linux() else 0.0


def children() -> frozenset[int]:
    """Return the ids of the children of this process; except on Linux an empty set."""
    if not system.is_linux():
        return frozenset()
    try:  # this reads a few files, `_list` some for each process of the machine
        threads = Path("/proc/self/task").iterdir()
        texts = [(thread / "children").read_bytes() for thread in threads]
    except OSError:  # the kernel was built without these files, or a thread has ended
        return frozenset(p.pid for p in _list() if p.parent == os.getpid())
    return frozenset(int(pid) for text in texts for pid in text.split())


def _list() -> list[ListedProcess]:
    """Return all processes of this machine that can be read."""
    return _proc() if system.is_linux() else _ps()


def _stat(pid: str) -> list[bytes]:
    """Return the fields of ``/proc/<pid>/stat`` from the third one, the state, on. Raise OSError if
    no process has this id."""
    file = os.open(f"/proc/{pid}/stat", os.O_RDONLY)  # every scan reads some for each process
    try:
        stat = os.read(file, 4096)
    finally:
        os.close(file)
    return stat[stat.rindex(b")") + 2 :].split()


def _proc() -> list[ListedProcess]:
    """Return the processes that ``/proc`` lists, without those that end meanwhile."""
    names = filter(str.isdigit, os.listdir("/proc"))  # noqa: PTH208 - text
    return [process for process in map(_read, names) if process is not None]


def _read(pid: str) -> ListedProcess | None:
    """Return the process with this id as ``/proc`` describes it; None if it has ended."""
    try:
        fields = _stat(pid)
        user, kernel, waited_user, waited_system = map(int, fields[11:15])
        waited = (waited_user + waited_system) / _TICKS
        seconds, faults = waited + (user + kernel) / _TICKS, int(fields[8])
        return ListedProcess(
            pid=int(pid),
            parent=int(fields[1]),
            group=int(fields[2]),
            session=int(fields[3]),
            dead=fields[0] == b"Z",
            cpu_seconds=seconds,
            resident_mb=int(fields[21]) * _PAGE / 2**20,
            used=Used(seconds, int(fields[7]) + faults),
            waited=Used(waited, faults),
            born=fields[19].decode(),
        )
    except (OSError, ValueError, IndexError):
        return None


def _ps() -> list[ListedProcess]:
    """Return the processes that ``ps`` lists, without page faults and start times."""
    done = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,pgid=,stat=,rss=,time="],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    found = []
    for line in done.stdout.splitlines():
        pid, parent, group, state, resident, clock = line.split()
        days, _, rest = clock.rpartition("-")
        parts = [float(part) for part in re.split(":", rest)]
        seconds = sum(part * 60**i for i, part in enumerate(reversed(parts)))
        found.append(
            ListedProcess(
                pid=int(pid),
                parent=int(parent),
                group=int(group),
                session=int(group),  # BSD's ps names sessions by addresses
                dead=state.startswith("Z"),
                cpu_seconds=seconds + 86400 * int(days or 0),
                resident_mb=int(resident) / 1024,
            )
        )
    return found


def signal_group(group: int, number: signal.Signals) -> bool:
    """Send a signal to a process group and return True; return False if the group has no process,
    or none that this process may signal."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS raises this for a group of zombies
        return False
    return True


def identity(pid: int) -> str:
    """Return a text that identifies a process, on Linux also among later ones with its id; "" if it
    has ended or, on Linux, is a zombie. It contains the id and, on Linux, the start time."""
    if not system.is_linux():
        return str(pid) if alive(pid) else ""
    try:
        fields = _stat(str(pid))
    except OSError:
        return ""
    return "" if fields[0] == b"Z" else f"{pid}-{fields[19].decode()}"


def alive(pid: int) -> bool:
    """Return whether a process with this id exists, of any user; one that has ended but is not
    reaped counts."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
