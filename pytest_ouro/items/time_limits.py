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
    """Keep time limits by SIGALRM, such as those of other plugins, from ending the present test
    until the context ends. Yield a list, which gets an entry each time that a limit passes (SIGALRM
    arrives): the name of the module that set the handler before, or "another program". That handler
    is restored at the end.

    Pytest's `faulthandler_timeout` is cancelled for the present test. Outside of the main thread
    only that is done, since Python allows no handler there; the list then stays empty.
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
