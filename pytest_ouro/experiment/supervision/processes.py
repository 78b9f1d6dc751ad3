"""The processes of a run: their CPU seconds, their memory, their end.

A run is a session of its own. What leaves it by ``setsid`` or a double fork is still found: on
Linux its orphans become children of this process, which asks to be their reaper.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PR_SET_CHILD_SUBREAPER = 36
#: CPU seconds that may be lost between a process's own count, in ticks, and its parent's.
_ROUNDING = 0.05


@dataclass(frozen=True)
class Usage:
    """Of all living processes of a run and the children they have waited for."""

    cpu_seconds: float
    resident_mb: float


class _Used(NamedTuple):
    """CPU seconds, and faults of pages: Linux tells both of a process and of the children that it
    has waited for. Faults are counted, not measured: nobody starts without some."""

    seconds: float = 0.0
    faults: int = 0

    def more(self, other: _Used, times: int = 1) -> _Used:
        return _Used(self.seconds + times * other.seconds, self.faults + times * other.faults)

    def lacks(self, due: _Used) -> bool:
        return self.seconds + _ROUNDING < due.seconds or self.faults < due.faults


@dataclass(frozen=True)
class _Process:
    """One process as the system lists it; CPU seconds include the children it has waited for."""

    pid: int
    parent: int
    group: int
    session: int
    dead: bool
    cpu_seconds: float
    resident_mb: float
    #: On Linux alone: what it and the children used that it has waited for; these by themselves.
    used: _Used = _Used()
    waited: _Used = _Used()
    born: str = ""


@dataclass
class _Gone:
    """Who has gone between two looks, and whether somebody has what they used.

    The system forgets children whose parent does not want to hear of their end: it ignores SIGCHLD.
    """

    _last: dict[tuple[int, str], _Process] = field(default_factory=dict)
    _due: dict[tuple[int, str], _Used] = field(default_factory=dict)
    #: Due to anyone who is left: who has outlived its parent is waited for by another.
    _due_to_all: _Used = _Used()

    def look(self, members: list[_Process]) -> bool:
        """Whether somebody lacks what was due at the last look; so long it has, for it may have
        been listed before its child was gone. Who is dead may have been outlived by its child."""
        if sys.platform != "linux":
            return False
        now = {(process.pid, process.born): process for process in members}
        living = {at: process for at, process in now.items() if not process.dead}
        lacking = any(living[at].waited.lacks(due) for at, due in self._due.items() if at in living)
        everyone = reduce(_Used.more, (process.waited for process in members), _Used())
        lacking |= everyone.lacks(self._due_to_all)
        self._bury(now)
        self._last = now
        return lacking

    def _bury(self, now: dict[tuple[int, str], _Process]) -> None:
        """Note what those have used who were there at the last look."""
        living = {pid: (pid, born) for pid, born in now.keys() & self._last.keys()}
        parents = {seen.pid: seen.parent for seen in self._last.values()}
        for process, seen in self._last.items():
            if process in now:
                continue
            self._due.pop(process, None)
            if parent := living.get(seen.parent):
                self._due[parent] = self._due.get(parent, _Used()).more(seen.used)
            heir = seen.parent
            while heir in parents and heir not in living:
                heir = parents[heir]
            if heir in living:
                self._due_to_all = self._due_to_all.more(seen.used).more(seen.waited, -1)


@dataclass
class Family:
    """The processes that descend from ``leader``, which leads a session of its own.

    ``strangers`` are children of ours that have nothing to do with the run.
    """

    leader: int
    strangers: frozenset[int] = frozenset()
    _adopted: dict[int, float] = field(default_factory=dict)
    _gone: _Gone = field(default_factory=_Gone)
    #: Whether children have gone that no parent waited for: nobody has their CPU seconds.
    forgotten: bool = False

    def usage(self) -> Usage:
        """What the family uses now; the CPU seconds of orphans that are gone stay counted."""
        members = self._members()
        for process in members:
            if self._is_orphan(process):
                self._adopted[process.pid] = process.cpu_seconds
        # Twice: while everyone is listed, who was listed already may have waited for who was not.
        if self._lacks(members) and self._lacks(self._members()):
            self.forgotten = True
        cpu = sum(p.cpu_seconds for p in members if p.pid not in self._adopted)
        return Usage(cpu + sum(self._adopted.values()), sum(p.resident_mb for p in members))

    def _lacks(self, members: list[_Process]) -> bool:
        """Once the leader is gone the run is over, and nobody is left to have what others used."""
        return any(p.pid == self.leader for p in members) and self._gone.look(members)

    def end(self, process: subprocess.Popen[bytes], *, grace: float = 3.0) -> None:
        """End the leader's group with TERM, then everyone with KILL; reap them."""
        deadline = time.monotonic() + grace
        if process.poll() is None and signal_group(self.leader, signal.SIGTERM):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0.0, deadline - time.monotonic()))
        signal_group(self.leader, signal.SIGKILL)
        process.wait()
        for _ in range(100):  # who forks while it is killed is found in the next round
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

    def _is_orphan(self, process: _Process) -> bool:
        return process.parent == os.getpid() and process.pid != self.leader

    def _members(self) -> list[_Process]:
        everyone = _list()
        ours = os.getsid(0)
        members = {
            p.pid: p
            for p in everyone
            if self.leader in (p.pid, p.group, p.session)
            or (self._is_orphan(p) and p.session != ours and p.pid not in self.strangers)
        }
        while grown := [p for p in everyone if p.parent in members and p.pid not in members]:
            members.update((p.pid, p) for p in grown)
        return list(members.values())


def reaped() -> float:
    """CPU seconds of all the children that this process has waited for, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def adopt_orphans() -> frozenset[int]:
    """Become the reaper of our descendants, where Linux has it; returns our children so far."""
    if sys.platform != "linux":
        return frozenset()
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    return frozenset(p.pid for p in _list() if p.parent == os.getpid())


def _list() -> list[_Process]:
    return _proc() if sys.platform == "linux" else _ps()


def _proc() -> list[_Process]:
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            stat = Path(entry.path, "stat").read_bytes()
            fields = stat[stat.rindex(b")") + 2 :].split()
            found.append(
                _Process(
                    pid=int(entry.name),
                    parent=int(fields[1]),
                    group=int(fields[2]),
                    session=int(fields[3]),
                    dead=fields[0] == b"Z",
                    # user and system time, its own and of children that it has waited for
                    cpu_seconds=(seconds := sum(map(int, fields[11:15])) / _TICKS),
                    resident_mb=int(fields[21]) * _PAGE / 2**20,
                    used=_Used(seconds, int(fields[7]) + int(fields[8])),
                    waited=_Used(sum(map(int, fields[13:15])) / _TICKS, int(fields[8])),
                    born=fields[19].decode(),
                )
            )
    return found


def _ps() -> list[_Process]:
    done = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,pgid=,stat=,rss=,time="],
        capture_output=True,
        text=True,
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
    """Send a signal to the group; False once nobody is in it."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS says so of a group of zombies
        return False
    return True


def identity(pid: int) -> str:
    """What tells this process from a later one of the same id; "" once it is gone.

    On Linux its start time since boot; elsewhere only that it exists.
    """
    if sys.platform != "linux":
        return str(pid) if alive(pid) else ""
    try:
        stat = Path("/proc", str(pid), "stat").read_bytes()
    except OSError:
        return ""
    fields = stat[stat.rindex(b")") + 2 :].split()
    return "" if fields[0] == b"Z" else f"{pid}-{fields[19].decode()}"


def alive(pid: int) -> bool:
    """Whether a process of this id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
