"""The process group of a run: its CPU seconds, its memory, its end."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Usage:
    """Of all living processes of a group and the children they have waited for."""

    cpu_seconds: float
    resident_mb: float


def usage(group: int) -> Usage:
    """What the process group uses now; zeros once it is gone."""
    return _linux(group) if sys.platform == "linux" else _ps(group)


def _linux(group: int) -> Usage:
    ticks = pages = 0
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            stat = Path(entry.path, "stat").read_bytes()
            fields = stat[stat.rindex(b")") + 2 :].split()
            if int(fields[2]) == group or int(fields[3]) == group:  # group, session
                ticks += sum(int(f) for f in fields[11:15])  # user, system, children's both
                pages += int(fields[21])
    return Usage(ticks / _TICKS, pages * _PAGE / 2**20)


def _ps(group: int) -> Usage:
    done = subprocess.run(
        ["ps", "-A", "-o", "pgid=,rss=,time="], capture_output=True, text=True, check=False
    )
    seconds = resident = 0.0
    for line in done.stdout.splitlines():
        pgid, rss, clock = line.split()
        if int(pgid) == group:
            resident += int(rss) / 1024
            days, _, rest = clock.rpartition("-")
            parts = [float(part) for part in re.split(":", rest)]
            seconds += sum(part * 60**i for i, part in enumerate(reversed(parts)))
            seconds += 86400 * int(days or 0)
    return Usage(seconds, resident)


def signal_group(group: int, number: signal.Signals) -> bool:
    """Send a signal to the group; False once nobody is in it."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS says so of a group of zombies
        return False
    return True


def end(process: subprocess.Popen[bytes], *, grace: float = 3.0) -> None:
    """End the whole group of ``process``: TERM, then KILL after ``grace`` seconds; reap it."""
    deadline = time.monotonic() + grace
    if process.poll() is None and signal_group(process.pid, signal.SIGTERM):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=max(0.0, deadline - time.monotonic()))
    signal_group(process.pid, signal.SIGKILL)
    process.wait()


def alive(pid: int) -> bool:
    """Whether a process of this id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
