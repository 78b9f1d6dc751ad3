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
from pathlib import Path

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
    #: Of that, what the children had that it has waited for; with ``born`` on Linux alone.
    waited_seconds: float = 0.0
    born: str = ""


@dataclass
class _Gone:
    """Who has gone between two looks, and whether the parent has the CPU seconds.

    The system forgets children whose parent does not want to hear of their end: it ignores SIGCHLD.
    """

    _last: dict[tuple[int, str], _Process] = field(default_factory=dict)
    _due: dict[tuple[int, str], float] = field(default_factory=dict)

    def look(self, members: list[_Process]) -> bool:
        """Whether a parent lacks what it was due at the last look; so long it has, for it may have
        been listed before its child was gone."""
        if sys.platform != "linux":
            return False
        now = {(process.pid, process.born): process for process in members}
        lacking = any(
            now[parent].waited_seconds + _ROUNDING < due
            for parent, due in self._due.items()
            if parent in now
        )
        parents = {pid: (pid, born) for pid, born in now.keys() & self._last.keys()}
        self._due = {}
        for process, seen in self._last.items():
            if process not in now and (parent := parents.get(seen.parent)):
                before = self._due.get(parent, self._last[parent].waited_seconds)
                self._due[parent] = before + seen.cpu_seconds
        self._last = now
        return lacking


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
        self.forgotten |= self._gone.look(members)
        cpu = sum(p.cpu_seconds for p in members if p.pid not in self._adopted)
        return Usage(cpu + sum(self._adopted.values()), sum(p.resident_mb for p in members))

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
                    cpu_seconds=sum(int(f) for f in fields[11:15]) / _TICKS,
                    resident_mb=int(fields[21]) * _PAGE / 2**20,
                    waited_seconds=sum(int(f) for f in fields[13:15]) / _TICKS,
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
