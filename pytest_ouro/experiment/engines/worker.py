"""A worker: ``python -m pytest_ouro.experiment.engines.worker`` measures commits that arrive as
bundles, one after the other, in repositories of its own, and sends what it measured.

Requests come on standard input, events go to standard output. The worker ends when its input ends,
which is also what it sees of a process that was killed; a run that goes on is ended then. It writes
no record of the user's: those of its repository are thrown away with it.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import sys
import threading
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn, cast

from pytest_ouro.child.kernel import system
from pytest_ouro.core.errors import OuroError
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.records import record_format
from pytest_ouro.evidence.records.row_losses import path_of
from pytest_ouro.evidence.shared.named import OWN, VARIABLE, find_named
from pytest_ouro.experiment.devices import device_lock
from pytest_ouro.experiment.engines import events
from pytest_ouro.experiment.engines.workplace import hold_workplace, make_repository
from pytest_ouro.experiment.measure import measure_commit
from pytest_ouro.experiment.supervision.own_process import make_undumpable
from pytest_ouro.experiment.supervision.start_process import keep_starter
from pytest_ouro.messages import engines as messages

if TYPE_CHECKING:
    from pytest_ouro.bound.tables import Device
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.run_record import StartedRun
    from pytest_ouro.experiment.engines.events import Answer, Message, Request
    from pytest_ouro.experiment.result import Result
    from pytest_ouro.experiment.terms.job import Position

#: Seconds between two signs of life.
BEAT = 5.0


class Worker:
    """Measures what arrives on ``requests``, and sends events to ``to``."""

    def __init__(self, requests: IO[bytes], to: IO[bytes]) -> None:
        self._requests, self._to = requests, to
        self._arrived: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._busy = False

    def serve(self) -> None:
        """Carry out requests until there are no more, and tell every few seconds that this process
        lives. If they end during a run, or what arrives is not a message, end the run. No run of
        another worker can trace this process or write to its pipes."""
        for work in (self._read, self._beat):
            threading.Thread(target=work, daemon=True).start()
        with make_undumpable(), hold_workplace() as folder, keep_starter():
            while (request := self._arrived.get()) is not None:
                self._busy = True
                self._carry_out(cast("Request", request), folder)
                self._busy = False

    def _read(self) -> None:
        """Put each message into the queue, and None at the end of the input, or of what is a
        message; that also interrupts a run that goes on."""
        with contextlib.suppress(ValueError):
            for line in self._requests:
                self._arrived.put(events.read(line))
        self._arrived.put(None)
        if self._busy:
            os.kill(os.getpid(), signal.SIGTERM)

    def _beat(self) -> None:
        """Send a sign of life every `BEAT` seconds, unless the reader is behind."""
        wait = threading.Event()
        while not wait.wait(BEAT):
            self._offer(events.Beat())

    def _send(self, message: Message) -> None:
        """Send a message; do nothing if nobody reads any more."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._to.write(message.line())
            self._to.flush()

    def _offer(self, message: Message) -> None:
        """Send a message that may be left out; leave it out while the reader is behind, so that a
        run never waits for it."""
        with contextlib.suppress(OSError, ValueError):
            if not select.select([], [self._to], [], 0)[1]:
                return
        self._send(message)

    def _carry_out(self, request: Request, folder: Path) -> None:
        """Measure what ``request`` asks for, in the workplace ``folder``, and send how it ends."""
        try:
            _demand_version(request.version)
            bound = make_repository(folder, request)
            trust = request.trust if request.named else None
            os.environ.pop("OURO_TRUST", None)
            _keep_own_records()
            case = open_case(bound, trust=trust, trust_by="the batch", run_commands=True)
            try:
                self._measure(request, case)
            finally:
                case.close()
        except OuroError as error:
            self._refuse(request, error)
        except Exception as error:  # a fault of ours: the other candidates go on
            reason = f"{type(error).__name__}: {error}"
            self._refuse(request, messages.worker_failed(reason.split("\n", 1)[0]))

    def _measure(self, request: Request, case: Case) -> None:
        """Measure the commit of a request in its repository, and send the result. Raise OuroError
        if it cannot be measured."""
        if case.trust.commit != request.trust:
            raise messages.other_conditions("trusted commit", request.trust, case.trust.commit)
        result, case = measure_commit(
            case.at(request.commit),
            request.turn,
            device=cast("Device | None", request.device or None),
            budget=request.budget or None,
            hidden=tuple(map(Path, request.hidden)),
            progress=lambda position: self._offer(_progress(request, position)),
            say=lambda text: self._send(events.Said(attempt=request.attempt, text=text)),
            begin=lambda run: self._begin(request, run),
        )
        self._send(_describe_end(request, case, result))

    def _begin(self, request: Request, run: StartedRun) -> None:
        """Tell that a run is about to start, and wait for the answer. Raise ExperimentError if it
        is a refusal, KeyboardInterrupt if none can come any more."""
        self._send(events.Began(attempt=request.attempt, record=record_format.write(run)))
        answer = self._arrived.get()
        if answer is None:
            raise KeyboardInterrupt
        answer = cast("Answer", answer)
        if answer.refusal:
            raise messages.relayed(answer.refusal, answer.help)

    def _refuse(self, request: Request, error: OuroError) -> None:
        """Send that an attempt is refused, because of ``error``."""
        refused = events.Refused(attempt=request.attempt, text=error.message, help=error.help)
        self._send(refused)


def _keep_own_records() -> None:
    """Let this process keep its records, which are sent back, in its own repository. Devices are
    also locked in the folder of records that clones share, if there is one."""
    if named := find_named():
        device_lock.ALSO[:] = [named.folder / "locks"]
    os.environ[VARIABLE] = OWN


def _demand_version(wanted: str) -> None:
    """Raise ExperimentError unless this is the version ``wanted`` of pytest-ouro."""
    from pytest_ouro import __version__

    if wanted != __version__:
        raise messages.other_version(wanted, __version__)


def _progress(request: Request, position: Position) -> events.Progressed:
    """Return the message about a position of a run."""
    return events.Progressed(
        attempt=request.attempt,
        window=-1.0 if position.window is None else position.window,
        budget=position.budget,
        wall=position.wall,
        text=position.text,
        ended=position.ended,
    )


def _describe_end(request: Request, case: Case, result: Result) -> Message:
    """Return the message about the end of a run: its record, and the files that belong to it; or
    that a broken rule kept it from being made."""
    run = result.record
    if run is None:
        rules = ", ".join(broken.rule for broken in result.closed)
        finding = next(finding for broken in result.closed for finding in broken.findings)
        text = f"on the worker, the gate is closed by {rules}: {finding.headline}"
        return events.Refused(attempt=request.attempt, text=text, help=finding.help)
    journal = case.evidence.journal
    return events.Ended(
        attempt=request.attempt,
        record=record_format.write(run),
        rows=_read(path_of(journal, run.run, "rows")) if run.row_losses else b"",
        vault=_read(path_of(journal, run.run, "vault")) if run.vault_losses else b"",
        log=zlib.compress(_read(journal.folder / "runs" / f"{run.run}.log"), 1),
        tail=result.tail,
    )


def _read(path: Path) -> bytes:
    """Return the bytes of a file, b"" if it cannot be read."""
    with contextlib.suppress(OSError):
        return path.read_bytes()
    return b""


def main() -> NoReturn:
    """Serve on the standard streams, and end the process. What else is printed goes to standard
    error. TERM ends it as Ctrl-C does, so that nothing of a run stays."""
    system.end_with_parent(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    to = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    status = 0
    try:
        Worker(sys.stdin.buffer, to).serve()
    except KeyboardInterrupt:
        status = 130
    except OuroError as error:
        with contextlib.suppress(OSError):
            to.write(events.Refused(text=error.message, help=error.help).line())
            to.flush()
        status = 2
    sys.stderr.flush()
    os._exit(status)  # the end of the interpreter would wait for the thread that reads


if __name__ == "__main__":
    main()
