"""One run at a time on each device: a lock that its holder's end frees, however it ends."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.experiment.terms.names import cache_folder, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

#: Seconds after which who waits is told again.
AGAIN = 60.0


@contextmanager
def device_held(names: Iterable[str], say: Callable[[str], None]) -> Iterator[bool]:
    """Hold the devices. Who waits is told who holds one, and for how long.

    Yields whether one had to be waited for.
    """
    with contextlib.ExitStack() as held:
        waited = [held.enter_context(_held(name, say)) for name in names]
        yield any(waited)


@contextmanager
def _held(name: str, say: Callable[[str], None]) -> Iterator[bool]:
    from filelock import FileLock, Timeout

    folder = cache_folder() / "locks"
    lock, holder = FileLock(folder / f"{name}.lock"), folder / f"{name}.holder"
    patience = 0.0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        while not lock.is_locked:
            try:
                lock.acquire(timeout=patience)
            except Timeout:
                say(f"ouro: waiting for the device {name}, held by {_who(holder)}")
                patience = AGAIN
    except OSError as error:
        raise ExperimentError(
            f"{folder} cannot be written: {error.strerror or error}",
            help="fix its permissions, or set XDG_CACHE_HOME to a folder with room",
        ) from None
    try:
        with contextlib.suppress(OSError):  # it only tells others
            holder.write_text(f"process {os.getpid()} since {now()}\n")
        yield patience > 0
    finally:
        with contextlib.suppress(OSError):
            holder.unlink()
        lock.release()


def holder_of(names: Iterable[str]) -> str:
    """Who holds one of the devices, since when; "" where all are free."""
    from filelock import FileLock, Timeout

    folder = cache_folder() / "locks"
    for name in names:
        file = folder / f"{name}.lock"
        if not file.exists():
            continue
        try:
            with FileLock(file, timeout=0):
                pass
        except Timeout:
            return _who(folder / f"{name}.holder")
        except OSError:
            return "another user"
    return ""


def _who(holder: Path) -> str:
    """``process 4711 since 2025-01-01T00:00:00+00:00, for 12 min``."""
    try:
        text = clean(holder.read_text(errors="replace").strip())
    except OSError:
        text = ""
    since = re.search(r"since (\S+)", text)
    with contextlib.suppress(ValueError, TypeError):
        began = datetime.datetime.fromisoformat(since[1] if since else "")
        text += f", for {_age(datetime.datetime.now(datetime.timezone.utc) - began)}"
    return text or "another process"


def _age(held: datetime.timedelta) -> str:
    seconds = max(0, int(held.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
