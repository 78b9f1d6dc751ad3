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
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.child.kernel import system
from pytest_ouro.core.fast_dataclass import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_ouro.experiment.supervision.start_process import Process

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: Rounding error in seconds between a process's own CPU time, in ticks, and its parent's sum.
_ROUNDING = 0.05


@dataclass(frozen=True)
class Usage:
    """The CPU seconds of a run's processes, on Linux including those of the children that they have
    waited for; and the resident memory of all its processes together, in MB of 2**20 bytes."""

    cpu_seconds: float
    resident_mb: float


class _Used(NamedTuple):
    """CPU seconds and page faults: of a process together with the children that it has waited for,
    or of these children alone. Every process has page faults, so that even one too short for the
    clock is noticed."""

    seconds: float = 0.0
    faults: int = 0

    def plus(self, other: _Used, times: int = 1) -> _Used:
        """Return the sum of this usage and ``times`` the other; with ``times`` -1 their
        difference."""
        return _Used(self.seconds + times * other.seconds, self.faults + times * other.faults)

    def is_below(self, due: _Used) -> bool:
        """Return whether this usage is less than ``due`` in one of the two numbers; seconds must be
        less by more than ``_ROUNDING``."""
        return self.seconds + _ROUNDING < due.seconds or self.faults < due.faults


class _Process(NamedTuple):
    """One process as the system lists it; on Linux, CPU seconds include the children it has waited
    for."""

    pid: int
    parent: int
    group: int
    session: int
    dead: bool
    cpu_seconds: float
    resident_mb: float
    #: Linux only: the usage of the process and the children it has waited for, and theirs alone.
    used: _Used = _Used()
    waited: _Used = _Used()
    born: str = ""


@dataclass(frozen=False)
class _Vanished:
    """The processes that vanished from the lists of a run's processes, to check that a parent
    accounts for the usage of each.

    The kernel drops the usage of children whose parent ignores SIGCHLD.
    """

    _last: dict[tuple[int, str], _Process] = field(default_factory=dict)
    _due: dict[tuple[int, str], _Used] = field(default_factory=dict)
    #: Usage that any process may have absorbed: an orphan is reaped by another process.
    _due_to_all: _Used = _Used()

    def scan(self, members: list[_Process]) -> bool:
        """Compare ``members``, the processes of the run as listed now, with those of the previous
        call; return whether usage of vanished processes is lacking. False except on Linux.

        The usage of a process that vanished must appear in what its parent has waited for. It is
        lacking if that is too little for a living parent, or for all members together. A process
        that vanished between the previous call and this one is only noted now; its usage is looked
        for from the next call on, since the list may show its parent as it was before.
        """
        if not system.is_linux():
            return False
        now = {(process.pid, process.born): process for process in members}
        living = {at: process for at, process in now.items() if not process.dead}
        lacking = any(
            living[at].waited.is_below(due) for at, due in self._due.items() if at in living
        )
        everyone = reduce(_Used.plus, (process.waited for process in members), _Used())
        lacking |= everyone.is_below(self._due_to_all)
        self._note_vanished(now)
        self._last = now
        return lacking

    def _note_vanished(self, now: dict[tuple[int, str], _Process]) -> None:
        """Add the usage of processes that vanished since the last scan to what is due; ``now`` are
        the present ones.

        It is due to the parent, if that still lives, and to all processes together if an ancestor
        does.
        """
        living = {pid: (pid, born) for pid, born in now.keys() & self._last.keys()}
        parents = {seen.pid: seen.parent for seen in self._last.values()}
        for process, seen in self._last.items():
            if process in now:
                continue
            self._due.pop(process, None)
            if parent := living.get(seen.parent):
                self._due[parent] = self._due.get(parent, _Used()).plus(seen.used)
            heir = seen.parent
            while heir in parents and heir not in living:
                heir = parents[heir]
            if heir in living:
                self._due_to_all = self._due_to_all.plus(seen.used).plus(seen.waited, -1)


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
    the run (see `children`). ``is_fork`` says that a `Starter` forked the leader, which only waits
    for the command: then its own memory is not counted. ``adopts`` says that this process was a
    subreaper before the leader started (`system.adopt_orphans`).
    """

    leader: int
    strangers: frozenset[int] = frozenset()
    is_fork: bool = False
    adopts: bool = False
    _adopted: dict[int, float] = field(default_factory=dict)
    _vanished: _Vanished = field(default_factory=_Vanished)
    #: Whether children vanished that no parent waited for, so that their CPU time is unknown.
    unaccounted: bool = False
    #: The processes that lived at the last scan.
    living: tuple[int, ...] = ()
    #: Linux only: when the leader started, in ticks since boot; infinite if it is reaped already.
    _since: float = 0.0

    def __post_init__(self) -> None:
        """On Linux, read the start time of the leader, by which older processes are recognised."""
        if system.is_linux():
            try:
                self._since = float(_stat(str(self.leader))[19])
            except OSError:
                self._since = math.inf

    def usage(self) -> Usage:
        """List the processes of the run, and return their usage together. CPU seconds of orphans
        that have ended are included.

        This updates ``living``, and sets ``unaccounted`` if usage of vanished processes is lacking.
        """
        members = self._members()
        self.living = tuple(process.pid for process in members if not process.dead)
        for process in members:
            if self._is_orphan(process):
                self._adopted[process.pid] = process.cpu_seconds
        # Scan twice: a process listed early may reap one that would be listed late.
        if self._lacks_usage(members) and self._lacks_usage(self._members()):
            self.unaccounted = True
        cpu = sum(p.cpu_seconds for p in members if p.pid not in self._adopted)
        own = [p for p in members if not (self.is_fork and p.pid == self.leader)]
        return Usage(cpu + sum(self._adopted.values()), sum(p.resident_mb for p in own))

    def _lacks_usage(self, members: list[_Process]) -> bool:
        """Return whether usage of vanished processes is lacking; False once the leader is reaped,
        or except on Linux."""
        return any(p.pid == self.leader for p in members) and self._vanished.scan(members)

    def end(self, process: Process, *, grace: float = 3.0) -> None:
        """End and reap all processes of the run; ``process`` is the leader's. If the leader still
        runs, its group gets TERM and up to ``grace`` seconds to end. Then every process gets KILL,
        and again each that is found later, until none is left or about a second has passed."""
        deadline = time.monotonic() + grace
        if process.poll() is None and signal_group(self.leader, signal.SIGTERM):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0.0, deadline - time.monotonic()))
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

    def _is_orphan(self, process: _Process) -> bool:
        """Return whether a process is a child of this one other than the leader: one of the run
        that lost its parent, or a stranger."""
        return process.parent == os.getpid() and process.pid != self.leader

    def _is_stranger(self, process: _Process) -> bool:
        """Return whether a child of this process, on Linux, does not belong to the run: it is older
        than the leader, or its id is in ``strangers``."""
        return process.pid in self.strangers or int(process.born) < self._since

    def _members(self) -> list[_Process]:
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


def _list() -> list[_Process]:
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


def _proc() -> list[_Process]:
    """Return the processes that ``/proc`` lists, without those that end meanwhile."""
    names = filter(str.isdigit, os.listdir("/proc"))  # noqa: PTH208 - text
    return [process for process in map(_read, names) if process is not None]


def _read(pid: str) -> _Process | None:
    """Return the process with this id as ``/proc`` describes it; None if it has ended."""
    try:
        fields = _stat(pid)
        user, kernel, waited_user, waited_system = map(int, fields[11:15])
        waited = (waited_user + waited_system) / _TICKS
        seconds, faults = waited + (user + kernel) / _TICKS, int(fields[8])
        return _Process(
            pid=int(pid),
            parent=int(fields[1]),
            group=int(fields[2]),
            session=int(fields[3]),
            dead=fields[0] == b"Z",
            cpu_seconds=seconds,
            resident_mb=int(fields[21]) * _PAGE / 2**20,
            used=_Used(seconds, int(fields[7]) + faults),
            waited=_Used(waited, faults),
            born=fields[19].decode(),
        )
    except (OSError, ValueError, IndexError):
        return None


def _ps() -> list[_Process]:
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
            _Process(
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
