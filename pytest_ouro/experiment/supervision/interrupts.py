"""Record Ctrl-C and TERM during a run, so that the run is ended and recorded properly."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def record_signals() -> Iterator[list[int]]:
    """Yield a list to which the number of each received signal is appended.

    An exception raised by a handler can be lost: Python drops it while a finalizer runs. Outside
    the main thread, where Python allows no handler, the list stays empty.
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
