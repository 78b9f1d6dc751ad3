"""Keep the time limits of other plugins away from a run, which the bound's own limits end."""

from __future__ import annotations

import faulthandler
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def hold_time_limits() -> Iterator[list[str]]:
    """Keep time limits from ending the test until the context ends, and yield a list of those that
    passed. When SIGALRM arrives, nothing happens but that the list gets the name of the module
    whose handler was set before, or "another program"; at the end that handler is set again.
    Outside the main thread, where Python allows no handler, alarms are not held.

    Pytest's `faulthandler_timeout` is cancelled for the present test, in any thread.
    """
    rang: list[str] = []
    faulthandler.cancel_dump_traceback_later()
    if threading.current_thread() is not threading.main_thread():
        yield rang
        return
    handler: Any = signal.getsignal(signal.SIGALRM)
    owner = getattr(handler, "__module__", None) or "another program"
    signal.signal(signal.SIGALRM, lambda number, frame: rang.append(owner))
    try:
        yield rang
    finally:
        signal.signal(signal.SIGALRM, handler or signal.SIG_DFL)  # None: not set from Python
