"""A supervisor that others of the same user may not read or trace while a run goes on."""

from __future__ import annotations

import ctypes
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_GET, _SET = 3, 4  # PR_GET_DUMPABLE, PR_SET_DUMPABLE


@contextmanager
def kept_to_itself() -> Iterator[None]:
    """On Linux no process but root's reads this one's memory, or attaches to it, meanwhile.

    What it starts is its own program after the exec, and can be read as ever. Nothing is dumped if
    it crashes.
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
        if before == 1:  # other values only the kernel sets
            prctl(_SET, 1, 0, 0, 0)
