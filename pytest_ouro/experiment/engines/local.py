"""The engine of one machine: a process for each place, which serves one attempt after the other."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from typing import IO, TYPE_CHECKING, cast

from pytest_ouro.experiment.devices import device
from pytest_ouro.experiment.engines import events
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.messages import engines as messages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ouro.experiment.engines.events import Answer, Event, Request
    from pytest_ouro.experiment.terms.setup import Profile

_VISIBLE = "CUDA_VISIBLE_DEVICES"
#: Seconds without a sign of life after which a worker is given up, and seconds without a call of
#: `LocalEngine.wait` after which nothing is concluded from silence.
SILENCE, _AWAY = 90.0, 10.0
#: Seconds in which a worker must end a run that is cancelled, and itself.
GRACE = 20.0
#: Seconds that a worker has between closing its output and its end.
_LAST = 2.0
#: The most bytes of a line that a worker sends, and of a piece that is sent to it at a time.
_LINE, _PIECE = 256 << 20, 1 << 16


class WorkerProcess:
    """A worker as a process of this machine, with ``environment`` added to this one's; ``words``
    are the command that starts it, () for ours. Raise ExperimentError if it cannot be started."""

    def __init__(self, environment: Mapping[str, str], words: Sequence[str] = ()) -> None:
        self.attempt = ""
        self.latest = time.monotonic()
        self._pending = bytearray()
        #: Whether it has closed its output, as it does just before it ends.
        self._is_closing = False
        #: What is still to be sent: a worker that does not read must not stop this process.
        self.unsent = bytearray()
        errors: IO[bytes] | None = None
        try:
            self._errors = errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
            self.process = subprocess.Popen(
                [*(words or (sys.executable, "-m", "pytest_ouro.experiment.engines.worker"))],
                cwd="/",  # python -m puts the folder on the path of modules
                env={**os.environ, **environment, "PYTHONSAFEPATH": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        except OSError as error:
            if errors is not None:
                errors.close()
            raise messages.worker_not_started(error.strerror or str(error)) from None
        os.set_blocking(self.output.fileno(), False)
        os.set_blocking(self.input.fileno(), False)

    @property
    def output(self) -> IO[bytes]:
        """The pipe on which events arrive."""
        return cast("IO[bytes]", self.process.stdout)

    @property
    def input(self) -> IO[bytes]:
        """The pipe on which the worker reads."""
        return cast("IO[bytes]", self.process.stdin)

    def send(self, message: events.Message) -> None:
        """Send a message, as much of it as the pipe takes now; `send_rest` sends the rest. Do
        nothing if the worker is gone, which `read` reports."""
        self.unsent += message.line()
        self.send_rest()

    def send_rest(self) -> None:
        """Send as much as the pipe takes of what is still to be sent."""
        try:
            while self.unsent:
                del self.unsent[: os.write(self.input.fileno(), self.unsent[:_PIECE])]
        except BlockingIOError:
            pass
        except OSError:
            self.unsent.clear()

    def read(self) -> tuple[list[events.Message], bool]:
        """Return the messages that have arrived, and whether more may follow: False after the end
        of the worker's output, after what is not a message, or a line that is too long."""
        found: list[events.Message] = []
        while True:
            try:
                data = os.read(self.output.fileno(), 1 << 20)
            except BlockingIOError:
                return found, True
            self.latest = time.monotonic()
            self._is_closing = not data
            self._pending += data
            lines: list[bytes] = []
            if b"\n" in data:  # a long line arrives in thousands of pieces
                *lines, rest = bytes(self._pending).split(b"\n")
                self._pending = bytearray(rest)
            try:
                found += [events.read(line) for line in lines]
            except ValueError:
                return found, False
            if not data or len(self._pending) > _LINE:
                return found, False

    def end(self) -> str:
        """End the process, if it has not ended by itself, and return how it ended, in words."""
        if self._is_closing:  # how it ends by itself tells more
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=_LAST)
        self.process.kill()
        status = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        with self._errors as errors:
            errors.seek(max(0, errors.seek(0, os.SEEK_END) - 2000))
            said = errors.read().decode(errors="replace").strip().splitlines()
        last = f": {clean(said[-1], width=200)}" if said else ""
        how = f"exit status {status}" if status >= 0 else f"signal {-status}"
        return f"its worker ended with {how}{last}"


def make_local_engine(profile: Profile, slots: int, places: int) -> LocalEngine:
    """Return an engine with as many ``places`` as are asked for; 0: on "cuda" one for each visible
    card of the first one's model, otherwise one for each slot. On "cuda" each place has one of
    these cards, in turn; if one place is asked for, it has all visible cards."""
    if profile == "cpu":
        return LocalEngine([{}] * (places or slots))
    cards, visible = _find_cards()
    count = places or len(cards) or 1
    if places == 1 or visible < 2:
        return LocalEngine([{}] * count)
    return LocalEngine([{_VISIBLE: cards[n % len(cards)]} for n in range(count)])


def _find_cards() -> tuple[list[str], int]:
    """Return the words by which CUDA_VISIBLE_DEVICES names the visible cards of the first one's
    model, and the number of all visible ones. Runs on two models are not compared.

    The words are those of the variable, or if it is unset the index of every card that the driver
    lists.
    """
    from pytest_ouro.experiment.devices import nvml

    known = nvml.cards()
    listed = [str(card.index) for card in known]
    words = device.visible() if _VISIBLE in os.environ else listed
    models = [next((card.name for card in known if card.matches(word)), "") for word in words]
    same = [word for word, model in zip(words, models, strict=True) if model == models[0]]
    return same, len(words)


class LocalEngine:
    """Workers on this machine; each of ``places`` has the variables that its worker gets."""

    def __init__(self, places: Sequence[Mapping[str, str]]) -> None:
        self._places: list[Mapping[str, str]] = list(places)
        self._workers: dict[int, WorkerProcess] = {}
        self._selector = selectors.DefaultSelector()
        #: What became of workers that were given up.
        self._made: list[Event] = []
        self._looked = time.monotonic()

    @property
    def capacity(self) -> int:
        """The number of places."""
        return len(self._places)

    @property
    def is_local(self) -> bool:
        """True."""
        return True

    @property
    def elsewhere(self) -> None:
        """None: its places are on this machine."""

    def start(self, request: Request) -> None:
        """Start an attempt in a free place, by the worker of an earlier attempt if there is one.
        Raise ExperimentError if no worker can be started."""
        idle = (n for n, worker in self._workers.items() if not worker.attempt)
        number = next(idle, None)
        if number is None:
            number = next(n for n in range(self.capacity) if n not in self._workers)
            worker = self._workers[number] = WorkerProcess(self._places[number])
            self._selector.register(worker.output, selectors.EVENT_READ, number)
        worker = self._workers[number]
        worker.attempt, worker.latest = request.attempt, time.monotonic()
        worker.send(request)

    def answer(self, answer: Answer) -> None:
        """Send an answer to the worker of its attempt; do nothing if that is gone."""
        for worker in self._workers.values():
            if worker.attempt == answer.attempt:
                worker.send(answer)

    def wait(self, seconds: float) -> Sequence[Event]:
        """Wait for events, see `Engine.wait`."""
        now = time.monotonic()
        if now - self._looked > _AWAY:  # this process was stopped, for example
            for worker in self._workers.values():
                worker.latest = now
        found, self._made = self._made, []
        self._watch_inputs()
        for key, _ in self._selector.select(timeout=0 if found else seconds):
            number = key.data
            if number not in self._workers:  # it was given up just now
                continue
            if key.fileobj is self._workers[number].output:
                found += self._read(number)
            else:
                self._workers[number].send_rest()
        self._looked = time.monotonic()
        for number, worker in [*self._workers.items()]:
            if worker.attempt and self._looked - worker.latest > SILENCE:
                found += self._give_up(number, f"its worker was silent for {SILENCE:g} s")
        return found

    def _watch_inputs(self) -> None:
        """Let the next `wait` look at the pipes on which something is still to be sent, and at no
        others."""
        watched = self._selector.get_map()
        for number, worker in self._workers.items():
            if bool(worker.unsent) == (worker.input.fileno() in watched):
                continue
            if worker.unsent:
                self._selector.register(worker.input, selectors.EVENT_WRITE, number)
            else:
                self._selector.unregister(worker.input)

    def _read(self, number: int) -> list[Event]:
        """Return the events that have arrived from the worker in a place; once it is gone, also
        that its attempt is lost."""
        worker = self._workers[number]
        arrived, more = worker.read()
        found: list[Event] = []
        for message in arrived:
            mine = message.attempt == worker.attempt
            if isinstance(message, events.Refused) and not message.attempt:
                message = events.Refused(
                    attempt=worker.attempt, text=message.text, help=message.help
                )
                mine = True
            if not mine or not worker.attempt:
                continue  # a sign of life
            found.append(cast("Event", message))
            if isinstance(message, events.Ended | events.Refused):
                worker.attempt = ""
        return found if more else found + self._give_up(number, "")

    def _give_up(self, number: int, why: str) -> list[Event]:
        """End the worker in a place; return the event that its attempt is lost, if it had one."""
        worker = self._workers.pop(number)
        self._selector.unregister(worker.output)
        with contextlib.suppress(KeyError, ValueError):  # it is not watched, or closed
            self._selector.unregister(worker.input)
        how = worker.end()
        attempt = worker.attempt
        return [events.Lost(attempt=attempt, why=why or how)] if attempt else []

    def give_up(self, attempt: str, why: str) -> None:
        """End the worker of an attempt, see `Engine.give_up`."""
        for number, worker in [*self._workers.items()]:
            if worker.attempt == attempt:
                self._made += self._give_up(number, why)

    def cancel(self) -> None:
        """Interrupt each worker that has an attempt, by TERM."""
        for worker in self._workers.values():
            if worker.attempt:
                with contextlib.suppress(OSError):
                    worker.process.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """Let all workers end: those with an attempt are interrupted. One that has not ended after
        `GRACE` seconds is killed."""
        self.cancel()
        for worker in self._workers.values():
            if worker.process.stdin is not None:
                with contextlib.suppress(OSError):
                    worker.process.stdin.close()
        deadline = time.monotonic() + GRACE
        for number in [*self._workers]:
            worker = self._workers[number]
            while worker.process.poll() is None and time.monotonic() < deadline:
                worker.read()  # a full pipe would keep it from ending
                time.sleep(0.02)
            self._give_up(number, "")
        self._selector.close()
