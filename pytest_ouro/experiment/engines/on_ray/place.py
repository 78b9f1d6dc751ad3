"""The actor of a place: it runs a worker on its node, and keeps what that sends until the relay has
it."""

from __future__ import annotations

import os
import select
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.experiment.engines import events
from pytest_ouro.experiment.engines.bundle import no_place
from pytest_ouro.experiment.engines.local import GRACE, WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.experiment.engines.events import Message, Request

#: Seconds without a question of the relay after which a place ends its worker and itself. They are
#: fewer than the seconds of silence after which the relay makes a new attempt, so that the old one
#: has ended by then, also on a node that is cut off.
LEASE = 45.0
#: Seconds between two positions of a run that are passed on.
_PACE = 1.0


class Place:
    """A place: ``words`` start its worker, () for ours. Its methods are called from several
    threads."""

    def __init__(self, words: Sequence[str] = ()) -> None:
        self._words = tuple(words)
        self._worker: WorkerProcess | None = None
        self._attempt = ""
        self._base: tuple[str, tempfile.TemporaryDirectory[str]] | None = None
        self._arrived, self._sending = threading.Condition(), threading.Lock()
        self._kept: list[tuple[int, bytes]] = []
        self._number, self._shown = 0, 0.0
        self._asked, self._has_ended = time.monotonic(), False
        threading.Thread(target=self._watch, daemon=True).start()

    def take(self, line: bytes, base: bytes) -> None:
        """Start the attempt of the request in ``line``. ``base`` is the bundle of all commits that
        candidates have in common, which is written to this node if the place does not have it. An
        attempt that cannot be started is refused."""
        request = cast("Request", events.read(line))
        with self._arrived:  # a worker that ends now either has this attempt or is not used
            self._attempt, worker = request.attempt, self._worker
        try:
            request = self._fit(request, base)
            self._send(worker or self._start(), request)
        except OSError as error:
            full = no_place(base, Path(tempfile.gettempdir()), error.strerror or str(error))
            self._keep(events.Refused(attempt=request.attempt, text=full.message, help=full.help))
        except OuroError as error:
            self._keep(events.Refused(attempt=request.attempt, text=error.message, help=error.help))

    def answer(self, line: bytes) -> None:
        """Pass an answer on to the worker; do nothing if there is none."""
        worker = self._worker
        if worker is not None:
            self._send(worker, events.read(line))

    def poll(self, after: int, seconds: float) -> list[tuple[int, bytes]]:
        """Return the messages of the worker, as lines, with their numbers; wait for one up to so
        many ``seconds``. Those up to the number ``after`` have arrived, and are forgotten."""
        with self._arrived:
            self._asked = time.monotonic()
            self._kept = [one for one in self._kept if one[0] > after]
            self._arrived.wait_for(lambda: self._kept, timeout=seconds)
            self._asked = time.monotonic()
            return [*self._kept]

    def interrupt(self) -> None:
        """Interrupt the attempt that goes on, as Ctrl-C would."""
        if self._worker is not None and self._attempt:
            self._worker.process.send_signal(signal.SIGTERM)

    def end(self) -> None:
        """Interrupt the attempt that goes on, let the worker end, which is killed after `GRACE`
        seconds, and remove the bundle that was written."""
        worker, self._has_ended = self._worker, True
        if worker is not None:
            self.interrupt()
            if worker.process.stdin is not None and not worker.process.stdin.closed:
                worker.process.stdin.close()
            deadline = time.monotonic() + GRACE
            while worker.process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            if worker.process.poll() is None:
                worker.process.kill()
        if self._base is not None:
            self._base[1].cleanup()

    def _fit(self, request: Request, base: bytes) -> Request:
        """Return a request as it holds on this node: with the path of the bundle here, and without
        the paths that this node lacks."""
        if self._base is None or self._base[0] != request.base_digest:
            folder = tempfile.TemporaryDirectory(prefix="ouro-", ignore_cleanup_errors=True)
            self._base = (request.base_digest, folder)
            Path(folder.name, "base.bundle").write_bytes(base)
        return replace(
            request,
            base=str(Path(self._base[1].name, "base.bundle")),
            venv=request.venv if Path(request.venv or "/gone").is_dir() else "",
            hidden=tuple(path for path in request.hidden if Path(path).exists()),
        )

    def _send(self, worker: WorkerProcess, message: Message) -> None:
        """Send a message to the worker, and wait until it has it or is gone."""
        with self._sending:
            worker.send(message)
            while worker.unsent:
                select.select([], [worker.input], [], 1.0)
                worker.send_rest()

    def _start(self) -> WorkerProcess:
        """Start a worker and return it. Raise ExperimentError if it cannot be started."""
        started: list[OuroError | WorkerProcess] = []
        ready = threading.Event()
        # The worker ends with the thread that starts it, not only with this process.
        threading.Thread(target=self._serve, args=(started, ready), daemon=True).start()
        ready.wait()
        [found] = started
        if isinstance(found, OuroError):
            raise found
        return found

    def _serve(self, started: list[OuroError | WorkerProcess], ready: threading.Event) -> None:
        """Start a worker, and keep what it sends until it ends, and then that its attempt, if it
        has one, is lost."""
        try:
            worker = self._worker = WorkerProcess({}, self._words)
            started.append(worker)
        except OuroError as error:
            started.append(error)
            return
        finally:
            ready.set()
        more = True
        while more:
            select.select([worker.output], [], [], 5.0)
            found, more = worker.read()
            for message in found:
                self._keep(message)
        how = worker.end()
        with self._arrived:
            self._worker, attempt = None, self._attempt
        if attempt:
            self._keep(events.Lost(attempt=attempt, why=how))

    def _keep(self, message: Message) -> None:
        """Keep a message until the relay has it. The last one of an attempt ends it; what is about
        another attempt than the present one is dropped, except for a sign of life; so are positions
        that follow each other fast, since one process handles those of all places."""
        with self._arrived:
            if isinstance(message, events.Refused) and not message.attempt:
                message = replace(message, attempt=self._attempt)
            if not isinstance(message, events.Beat) and message.attempt != self._attempt:
                return
            if isinstance(message, events.Progressed):
                if time.monotonic() - self._shown < _PACE:
                    return
                self._shown = time.monotonic()
            if isinstance(message, events.Ended | events.Refused | events.Lost):
                self._attempt = ""
            self._number += 1
            self._kept.append((self._number, message.line()))
            self._arrived.notify_all()

    def _watch(self) -> None:
        """End everything once nobody has asked for `LEASE` seconds: the relay is gone, or cut off
        from this node."""
        while time.monotonic() - self._asked < LEASE:
            if self._has_ended:
                return
            time.sleep(0.5)
        self.end()
        os._exit(1)
