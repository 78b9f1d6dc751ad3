"""Make the attempts of a batch: send each to the engine, let it begin, and record how it ends."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.experiment.batch.task import FAULTS, to_error
from pytest_ouro.experiment.engines import events
from pytest_ouro.experiment.engines.local import GRACE
from pytest_ouro.experiment.verdict import history
from pytest_ouro.messages import engines as messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.engine import Case
    from pytest_ouro.experiment.batch.recorder import Recorder
    from pytest_ouro.experiment.batch.task import Task
    from pytest_ouro.experiment.engines.engine import Engine
    from pytest_ouro.experiment.engines.sender import Sender
    from pytest_ouro.experiment.result import Result
    from pytest_ouro.experiment.terms.job import Position

#: How often an attempt whose worker was lost is made again, as a new attempt.
RETRIES = 1
#: Seconds that are waited for events at a time.
PATIENCE = 0.5
#: Seconds in which a worker that gives signs of life must say something about an attempt that has
#: not begun, such as a line of the script that makes data; and seconds that it has beside the
#: timeout of the run once that has begun.
QUIET, SLACK = 3600.0, 600.0
#: Seconds without a look at the events after which no deadline has passed: this process was
#: stopped, and what its workers sent waits to be read.
_AWAY = 10.0


class Attempts:
    """Makes the attempts of a batch on an ``engine``, and knows those that go on. ``case`` is that
    of the working tree, ``timeout`` that of a run in seconds; ``tell`` is called with a task and a
    line about it."""

    def __init__(
        self,
        engine: Engine,
        recorder: Recorder,
        sender: Sender,
        case: Case,
        *,
        timeout: float,
        tell: Callable[[Task, str], None],
    ) -> None:
        self._engine, self._recorder, self._sender = engine, recorder, sender
        self._case = case
        self._timeout = timeout
        self._tell = tell
        self._requests: dict[str, tuple[Task, events.Request]] = {}
        #: The attempts whose run is about to start, and the events that are not handled yet.
        self._waiting: dict[str, events.Began] = {}
        self._events: deque[events.Event] = deque()
        #: When the worker of an attempt is given up, and when that was last looked at.
        self._deadlines: dict[str, float] = {}
        self._looked = time.monotonic()

    @property
    def places(self) -> int:
        """The number of places that the engine has now."""
        return self._engine.capacity

    @property
    def is_full(self) -> bool:
        """Whether every place of the engine has an attempt."""
        return len(self._requests) >= self.places

    @property
    def tasks(self) -> list[Task]:
        """The tasks with an attempt that goes on, in the order in which these were sent."""
        return [task for task, _ in self._requests.values()]

    @property
    def positions(self) -> list[Position]:
        """How far the runs are that go on, as far as it is known."""
        running = self._recorder.running.values()
        return [one.position for one in running if one.position is not None]

    def find_task(self, attempt: str) -> Task | None:
        """Return the task of an attempt that goes on; None if it does not."""
        found = self._requests.get(attempt)
        return found[0] if found else None

    def send(self, task: Task) -> None:
        """Start a new attempt of a task. Raise OuroError if it cannot be started."""
        request = self._sender.request(task.commit, task.turn)
        self._engine.start(request)
        task.attempt, task.tries = request.attempt, task.tries + 1
        self._requests[request.attempt] = (task, request)
        self._deadlines[request.attempt] = time.monotonic() + QUIET

    def handle_next(self, *, again: bool, patience: float = PATIENCE) -> None:
        """Wait for events, at most for ``patience`` seconds, and handle those that have arrived.
        One whose handling is interrupted is handled again by the next call: no end that has arrived
        is lost. The task of a lost attempt becomes ready for another one, unless ``again`` is False
        or it was the last of `RETRIES`."""
        if not self._events:
            self._events.extend(self._engine.wait(patience))
        while self._events:
            self._handle(self._events[0], again=again)
            self._events.popleft()
        self._look_at_deadlines()

    def end_all(self) -> None:
        """End all attempts, and record how those end whose run had begun. Return when none is left,
        or after about `GRACE` seconds."""
        self._engine.cancel()
        deadline = time.monotonic() + GRACE
        while self._requests and time.monotonic() < deadline:
            self.handle_next(again=False)

    def forget_all(self) -> None:
        """Record as interrupted each attempt whose run had begun, and forget all; their workers
        must have ended."""
        for attempt in [*self._requests]:
            self._handle(events.Lost(attempt=attempt, why="the batch was ended"), again=False)

    def fail(self, task: Task, error: OuroError) -> None:
        """End a task with an error in place of a result, and say so."""
        self._forget(task)
        task.error = error
        self._tell(task, f"not measured: {error.message}")

    def _look_at_deadlines(self) -> None:
        """Give up each worker whose attempt has passed its deadline: it gives signs of life, and
        hangs. The event that it is lost follows. While a run waits for the end of another one to be
        recorded, no time passes for it."""
        now = time.monotonic()
        away = now - self._looked
        self._looked = now
        for attempt, deadline in [*self._deadlines.items()]:
            if away > _AWAY or attempt in self._waiting:
                self._deadlines[attempt] = max(deadline + away, now + PATIENCE)
            elif now > deadline:
                del self._deadlines[attempt]
                begun = self._requests[attempt][0].has_begun
                seconds = self._timeout + SLACK if begun else QUIET
                what = "its run did not end" if begun else "its worker said nothing about it"
                self._engine.give_up(attempt, f"{what} within {seconds:g} s")

    def _handle(self, event: events.Event, *, again: bool) -> None:
        """Handle an event, unless its attempt does not go on any more. With ``again``, let the runs
        begin that wait to."""
        if event.attempt not in self._requests:
            return
        task, _ = self._requests[event.attempt]
        if not task.has_begun and event.attempt in self._deadlines:
            self._deadlines[event.attempt] = time.monotonic() + QUIET
        try:
            if isinstance(event, events.Said):
                self._tell(task, event.text)
            elif isinstance(event, events.Progressed):
                self._recorder.show(event)
            elif isinstance(event, events.Began):
                self._waiting[event.attempt] = event
            elif isinstance(event, events.Ended):
                result = self._recorder.end(event, self._case.at(task.commit))
                self._end(task, self._add_notes(result))
            elif isinstance(event, events.Refused):
                why = event.text.split("\n", 1)[0]
                self._recorder.lose(
                    event.attempt, "interrupted" if task.has_begun else "not-started", why
                )
                self.fail(task, messages.relayed(event.text, event.help))
            elif isinstance(event, events.Lost):
                self._lose(task, event, again=again)
        except FAULTS as error:
            fault = to_error(error)
            with contextlib.suppress(*FAULTS):  # its start is on record, and so must its end be
                self._recorder.lose(event.attempt, "interrupted", fault.message)
            self.fail(task, fault)
        if again:
            self._begin()

    def _begin(self) -> None:
        """Record the start of each run that is about to begin, and let it begin; refuse a run whose
        start cannot be recorded. A run waits as long as another attempt has its device on record:
        that one's worker has ended its run, and its end is recorded first."""
        for attempt, event in [*self._waiting.items()]:
            task, request = self._requests[attempt]
            reply = events.Answer(attempt=attempt)
            try:
                stated = self._recorder.read_start(request, event)
                if self._recorder.is_in_use(stated):
                    continue
                started = self._recorder.begin(attempt, stated)
                where = "+".join(started.holds) or started.device_name
                self._tell(task, f"runs on {where}, attempt {task.tries}")
                task.has_begun = True
                self._deadlines[attempt] = time.monotonic() + self._timeout + SLACK
            except FAULTS as error:
                fault = to_error(error)
                reply = replace(reply, refusal=fault.message, help=fault.help)
            del self._waiting[attempt]
            self._engine.answer(reply)

    def _lose(self, task: Task, event: events.Lost, *, again: bool) -> None:
        """Record that an attempt was lost. With ``again``, and a try left, make its task ready for
        another attempt. Otherwise give the task the recorded result; if its run had not begun, an
        error with ``again``, and neither without it."""
        result = self._recorder.lose(event.attempt, "lost" if again else "interrupted", event.why)
        if again and task.tries <= RETRIES:
            self._tell(task, f"attempt {task.tries} was lost: {event.why}")
            self._forget(task)
        elif result is not None:
            self._end(task, result)
        elif again:
            self.fail(task, messages.worker_failed(event.why))
        else:  # it had not started yet
            self._forget(task)

    def _end(self, task: Task, result: Result) -> None:
        """Give a task its result, and say it, unless it is the value of one side of a pair or of a
        repeat."""
        self._forget(task)
        task.result = result
        if result.value is not None and (task.turn.purpose == "pair" or task.turn.series):
            return  # who asked for it says its value, and of what it is a part
        value = f" {result.metric.name}={result.metric.text(result.value)}"
        self._tell(task, f"{result.status}{value} ({result.reason})")

    def _forget(self, task: Task) -> None:
        """Take the attempt of a task from those that go on."""
        for table in (self._requests, self._waiting, self._deadlines):
            table.pop(task.attempt, None)
        task.attempt, task.has_begun = "", False

    def _add_notes(self, result: Result) -> Result:
        """Return the result of a run with the notes on it."""
        if result.record is None:
            return result
        lines = history.notes(result.record, self._case.evidence.journal.runs())
        return replace(result, notes=lines)
