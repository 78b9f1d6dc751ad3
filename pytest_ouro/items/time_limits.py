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
    """Yield a list to which the owner of each alarm that rings is added: a module's name.

    Until the context ends, which restores the handler, an alarm (SIGALRM) does nothing else, and
    pytest's `faulthandler_timeout` is off. Outside the main thread, where Python allows no handler,
    alarms are not held.
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
