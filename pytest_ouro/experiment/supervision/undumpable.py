"""Make the supervisor undumpable, so that processes of the same user cannot read or trace it."""

from __future__ import annotations

import ctypes
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_GET, _SET = 3, 4  # PR_GET_DUMPABLE, PR_SET_DUMPABLE


@contextmanager
def make_undumpable() -> Iterator[None]:
    """Keep other processes, except root's, from reading or tracing this one (Linux only).

    Child processes are not affected after their exec. A crash writes no core dump.
    """
    if sys.platform != "linux":
        yield
        return
    prctl = ctypes.CDLL(None).prctl
    before = prctl(_GET, 0, 0, 0, 0)
    prctl(_SET, 0, 0, 0, 0)
    try:
        yield
    finally:
        if before == 1:  # only the kernel sets other values
            prctl(_SET, 1, 0, 0, 0)
