"""Lock files: one process at a time holds the lock of a file, until it releases it or ends.

The package `filelock` locks in the same way, but an experiment spends a twentieth of its own
instructions on its import.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import time
from typing import TYPE_CHECKING

from pytest_ouro.core.plain_file import open_plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Seconds between two tries to lock.
_POLL = 0.05


@contextlib.contextmanager
def hold_lock(path: Path, *, timeout: float = math.inf) -> Iterator[None]:
    """Hold the exclusive lock of the file at ``path`` during the block; wait for it up to
    ``timeout`` seconds. The file is made if it is absent, and stays.

    Raise TimeoutError if another holder, in this process or another, keeps the lock for that
    long; another OSError if the file is a link or not a regular file, or cannot be opened or
    locked.
    """
    deadline = time.monotonic() + timeout
    while (fd := _try_lock(path)) is None:
        if time.monotonic() >= deadline:
            raise TimeoutError
        time.sleep(_POLL)
    try:
        yield
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)  # a fork of this process may have the file open still
        os.close(fd)


def _try_lock(path: Path) -> int | None:
    """Open and lock the file at ``path``, and return its descriptor. Return None if another holder
    has the lock, or if the file was removed before it was locked: a lock on a removed file excludes
    nobody. Raise OSError if the file cannot be opened or locked for another reason."""
    with contextlib.ExitStack() as stack:
        fd = open_plain(path.parent, path.name, os.O_RDWR | os.O_CREAT)
        stack.callback(os.close, fd)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(fd).st_nlink:
                stack.pop_all()
                return fd
    return None
