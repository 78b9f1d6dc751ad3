"""Lock the devices of a run against other runs, each by a file in the folder ``locks`` of the
cache, and by one in that folder of records that clones share, whose caches may differ. The system
frees the locks of a process that ends or is killed."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.lock_file import hold_lock
from pytest_ouro.core.plain_file import make_folder, write_whole
from pytest_ouro.evidence.cache import cache_folder, make_cache_folder
from pytest_ouro.evidence.content import read_own
from pytest_ouro.evidence.shared.named import find_named
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.messages import devices as messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

#: Seconds between two messages while a run waits for a device.
AGAIN = 60.0
#: How the name of the lock of a working tree begins.
TREE = "tree-"
#: Further folders of locks, of a process that keeps records of its own for one that shares them.
ALSO: list[Path] = []


@contextmanager
def hold_devices(names: Iterable[str], say: Callable[[str], None]) -> Iterator[bool]:
    """Hold the locks of the devices until the context ends; yield whether the run had to wait.

    A lock that another run holds is waited for without end; meanwhile ``say`` is called, at once
    and every ``AGAIN`` seconds, with a line that names the holder and how long it has held the
    device. Raise ExperimentError if the locks cannot be written.
    """
    with contextlib.ExitStack() as stack:
        asked = [(folder, name) for name in names for folder in lock_folders(name)]
        waited = [stack.enter_context(_hold(*one, say)) for one in asked]
        yield any(waited)


def try_devices(names: Iterable[str], stack: contextlib.ExitStack) -> bool:
    """Hold the locks of all devices until ``stack`` is closed, and return True.

    If another run holds one of them, hold none and return False at once. Raise ExperimentError if
    the locks cannot be written.
    """
    with contextlib.ExitStack() as held:
        for name in names:
            try:
                for folder in lock_folders(name):
                    held.enter_context(_hold(folder, name, None))
            except _Held:
                return False
        stack.push(held.pop_all())
    return True


class _Held(Exception):
    """Raised by `_hold` if it must not wait and another run holds the device."""


def lock_folders(name: str = "") -> list[Path]:
    """Return the folders in which the device ``name`` is locked, in the order in which all runs
    lock it; they may not exist. A working tree, which one clone alone has, is locked in the cache
    alone."""
    found = [cache_folder() / "locks"]
    if not name.startswith(TREE):
        with contextlib.suppress(OuroError):  # without them, no run gets so far
            if named := find_named():
                found.append(named.folder / "locks")
        found += ALSO
    return found


@contextmanager
def _hold(folder: Path, name: str, say: Callable[[str], None] | None) -> Iterator[bool]:
    """Hold the lock of one device in ``folder`` until the context ends; yield whether the run had
    to wait for it. While the lock is held, a file beside it, the holder file, names this process.

    With ``say`` None, do not wait: raise _Held if another run holds the device. Raise
    ExperimentError if the lock cannot be written.
    """
    lock, holder = folder / f"{name}.lock", folder / f"{name}.holder"
    with contextlib.ExitStack() as stack:
        patience, held = 0.0, False
        try:
            if folder.parent == cache_folder():
                make_cache_folder(folder.name)
            else:
                make_folder(folder.parent, folder.name)
            while not held:
                try:
                    stack.enter_context(hold_lock(lock, timeout=patience))
                    held = True
                except TimeoutError:
                    if say is None:
                        raise _Held from None
                    what = "this working tree" if name.startswith(TREE) else f"the device {name}"
                    say(f"ouro: waiting for {what}, held by {_who(holder)}")
                    patience = AGAIN
        except OSError as error:
            raise messages.locks_not_writable(folder, error.strerror or str(error)) from None
        try:
            with contextlib.suppress(OSError):  # the file only informs other processes
                since = _now().isoformat(timespec="seconds")
                note = f"process {os.getpid()} since {since}\n".encode()
                write_whole(folder, holder.name, note, mode=0o600, durable=False)
            yield patience > 0
        finally:
            with contextlib.suppress(OSError):
                holder.unlink()


def holder_of(names: Iterable[str]) -> str:
    """Return who holds the first of these devices that is not free, and for how long, as ``process
    4711 since …, for 12 min``; "" if all are free.

    "another process" if the holder is not known, "another user" if the lock cannot be opened. Each
    lock is taken for a moment to test it, and released at once.
    """
    for folder, name in ((folder, one) for one in names for folder in lock_folders(one)):
        file = folder / f"{name}.lock"
        if not file.exists():
            continue
        try:
            with hold_lock(file, timeout=0):
                pass
        except TimeoutError:
            return _who(folder / f"{name}.holder")
        except OSError:
            return "another user"
    return ""


def _who(holder: Path) -> str:
    """Return who holds a lock, as the holder file states it, and for how long: ``process 4711 since
    2025-01-01T00:00:00+00:00, for 12 min``.

    "another process" if the file cannot be read or is empty.
    """
    try:
        text = clean((read_own(holder) or b"").decode(errors="replace").strip())
    except OuroError:
        text = ""
    since = re.search(r"since (\S+)", text)
    with contextlib.suppress(ValueError, TypeError):
        began = datetime.datetime.fromisoformat(since[1] if since else "")
        text += f", for {_age(_now() - began)}"
    return text or "another process"


def _now() -> datetime.datetime:
    """Return the present time, in UTC."""
    return datetime.datetime.now(datetime.timezone.utc)


def _age(held: datetime.timedelta) -> str:
    """Return a duration such as ``12 min``: in whole seconds below two minutes, in whole hours from
    two hours on, else in minutes."""
    seconds = max(0, int(held.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
