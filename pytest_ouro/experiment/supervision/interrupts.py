"""Ctrl-C and TERM while a run goes on: noted, so that the run is ended and recorded in order."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def noted() -> Iterator[list[int]]:
    """The numbers of the signals that have come, for who looks.

    An exception raised by a handler can be lost: Python drops it where a finalizer happens to run.
    Off the main thread, where no handler can be set, the list stays empty.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda n, _: came.append(n)) for number in numbers}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)  # None: not set from Python
