"""Compare what the processes of a run used with what their parents waited for."""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

from pytest_ouro.child.kernel import system
from pytest_ouro.core.fast_dataclass import dataclass, field

#: Rounding error in seconds between a process's own CPU time, in ticks, and its parent's sum.
_ROUNDING = 0.05


class Used(NamedTuple):
    """CPU seconds and page faults: of a process together with the children that it has waited for,
    or of these children alone. Every process has page faults, so that even one too short for the
    clock is noticed."""

    seconds: float = 0.0
    faults: int = 0

    def plus(self, other: Used, times: int = 1) -> Used:
        """Return the sum of this usage and ``times`` the other; with ``times`` -1 their
        difference."""
        return Used(self.seconds + times * other.seconds, self.faults + times * other.faults)

    def is_below(self, due: Used) -> bool:
        """Return whether this usage is less than ``due`` in one of the two numbers; seconds must be
        less by more than ``_ROUNDING``."""
        return self.seconds + _ROUNDING < due.seconds or self.faults < due.faults


class ListedProcess(NamedTuple):
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
    used: Used = Used()
    waited: Used = Used()
    born: str = ""

    def since(self, before: ListedProcess) -> ListedProcess:
        """Return this process with only what was used after its state ``before``."""
        return self._replace(
            cpu_seconds=self.cpu_seconds - before.cpu_seconds,
            used=self.used.plus(before.used, -1),
            waited=self.waited.plus(before.waited, -1),
        )


@dataclass(frozen=False)
class Vanished:
    """The processes that vanished from the lists of a run's processes, to check that a parent
    accounts for the usage of each.

    The kernel drops the usage of children whose parent ignores SIGCHLD.
    """

    _last: dict[tuple[int, str], ListedProcess] = field(default_factory=dict)
    _due: dict[tuple[int, str], Used] = field(default_factory=dict)
    #: Usage that any process may have absorbed: an orphan is reaped by another process.
    _due_to_all: Used = Used()

    def scan(self, members: list[ListedProcess]) -> bool:
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
        everyone = reduce(Used.plus, (process.waited for process in members), Used())
        lacking |= everyone.is_below(self._due_to_all)
        self._note_vanished(now)
        self._last = now
        return lacking

    def _note_vanished(self, now: dict[tuple[int, str], ListedProcess]) -> None:
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
                self._due[parent] = self._due.get(parent, Used()).plus(seen.used)
            heir = seen.parent
            while heir in parents and heir not in living:
                heir = parents[heir]
            if heir in living:
                self._due_to_all = self._due_to_all.plus(seen.used).plus(seen.waited, -1)
