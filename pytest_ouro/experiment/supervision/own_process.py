"""Protect the supervisor's own process during a run: from Ctrl-C and TERM, and from its run."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_ouro.child.kernel import system

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def record_signals() -> Iterator[list[int]]:
    """Yield a list to which the number of each received SIGINT and SIGTERM is appended.

    Until the context ends, which restores the handlers, no signal raises an exception or ends this
    process. An exception raised by a handler could be lost: Python drops it while a finalizer runs.
    Outside the main thread, where Python allows no handler, the list stays empty and nothing
    changes.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda n, _: received.append(n)) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)  # None: not set from Python


@contextmanager
def interrupt_on_term() -> Iterator[None]:
    """Let TERM raise KeyboardInterrupt, as Ctrl-C does, until the context ends, which restores the
    handler. Outside the main thread, where Python allows no handler, nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)  # None: not set from Python


@contextmanager
def make_undumpable() -> Iterator[None]:
    """Keep other processes, except root's, from reading or tracing this one until the context ends,
    which restores the state from before.

    On other systems than Linux do nothing. Child processes are not affected after their exec. A
    crash meanwhile writes no core dump.
    """
    before = system.is_dumpable()
    system.set_dumpable(False)
    try:
        yield
    finally:
        if before:
            system.set_dumpable(True)
