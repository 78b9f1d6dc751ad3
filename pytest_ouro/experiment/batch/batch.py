"""Measure the candidates of a batch on an engine, and record each of them once."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections import deque
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence import data
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.experiment.batch.answer import answer, find_broken_records
from pytest_ouro.experiment.batch.base import Base, describe_start, find_base, find_common
from pytest_ouro.experiment.batch.outcome import Outcome
from pytest_ouro.experiment.batch.recorder import Recorder
from pytest_ouro.experiment.batch.task import FAULTS, Task, to_error
from pytest_ouro.experiment.devices.device_lock import hold_devices
from pytest_ouro.experiment.devices.slots import tree_lock
from pytest_ouro.experiment.engines import events
from pytest_ouro.experiment.engines.local import GRACE
from pytest_ouro.experiment.engines.sender import Sender
from pytest_ouro.experiment.records import record
from pytest_ouro.experiment.result import Result
from pytest_ouro.experiment.run import say_over
from pytest_ouro.experiment.steps import preconditions
from pytest_ouro.experiment.steps.evaluate_command import demand_trusted
from pytest_ouro.experiment.steps.jobs import make_data
from pytest_ouro.experiment.steps.settle import fast_forward
from pytest_ouro.experiment.supervision.own_process import interrupt_on_term, make_undumpable
from pytest_ouro.experiment.terms import temp_folders
from pytest_ouro.experiment.terms.setup import Setup
from pytest_ouro.experiment.verdict import history
from pytest_ouro.messages import engines as messages
from pytest_ouro.messages import experiment as experiment_messages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.run_facts import Purpose
    from pytest_ouro.experiment.batch.candidates import Candidate
    from pytest_ouro.experiment.engines.engine import Engine
    from pytest_ouro.experiment.run import Order
    from pytest_ouro.experiment.terms.job import Progress
    from pytest_ouro.experiment.terms.setup import Profile

#: How often an attempt whose worker was lost is made again, as a new attempt.
RETRIES = 1
#: Seconds that are waited for events at a time.
_PATIENCE = 0.5


class Batch:
    """The candidates of one session, measured on the engine that ``make_engine`` makes.

    ``order`` are the options of the session; ``profile`` is what is measured on. ``say`` is called
    with lines about the course, ``progress`` with the position of the runs. Leave it by `close`.
    """

    def __init__(
        self,
        case: Case,
        candidates: Sequence[Candidate],
        order: Order,
        profile: Profile,
        make_engine: Callable[[], Engine],
        *,
        progress: Progress | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._case = case
        self._order = order
        self._profile: Profile = profile
        self._make_engine = make_engine
        self._progress, self._say = progress, say
        self._candidates = list({one.commit: one for one in candidates}.values())
        self._tasks = {one.commit: Task(one.commit) for one in self._candidates}
        self._bases: dict[tuple[str, Purpose], Task] = {}
        self._requests: dict[str, tuple[Task, events.Request]] = {}
        #: The attempts whose run is about to start, and the events that are not handled yet.
        self._waiting: dict[str, events.Began] = {}
        self._events: deque[events.Event] = deque()
        self._stack = contextlib.ExitStack()
        self._engine: Engine | None = None
        self._plan = uuid.uuid4().hex[:12]
        self._common = ""
        self._failed: OuroError | None = None
        self._is_cut = False

    def measure(self, commit: str) -> Result:
        """Return the result of the candidate with this commit; the first call starts them all.
        Raise OuroError if it cannot be measured, KeyboardInterrupt for Ctrl-C."""
        task = self._tasks[commit]
        if self._failed is not None:
            raise self._failed
        if self._engine is None:
            try:
                self._start()
            except FAULTS as error:  # what is locked already stays locked
                self._failed = to_error(error)
                raise self._failed from None
        while True:
            self._dispatch()
            if task.has_ended:
                break
            self._handle_next(again=True)
            self._show()
        if task.error is not None:
            raise task.error
        assert task.result is not None
        return task.result

    def finish(self) -> Outcome:
        """Return what came of the batch, and move the branch to its best candidate if the order
        says so, unless the batch was interrupted. Call it after `close`."""
        ended = [(one, self._tasks[one.commit]) for one in self._candidates]
        results = [(one, task.result) for one, task in ended if task.result is not None]
        outcome = Outcome(results, unmade=len(ended) - len(results))
        lines: tuple[str, ...] = ()
        if self._is_cut:
            lines = ("ouro: not settled: the batch was interrupted",) if self._order.settle else ()
        else:
            if best := outcome.best:  # by the case from the start: the branch may have moved
                lines = fast_forward(self._case, best.commit, apply=self._order.settle)
            elif any(result.status == "keep" for _, result in results):
                lines = ("ouro: not settled: the keeps cannot be compared with each other",)
        case = self._case.again()
        outcome = replace(outcome, settlement=lines, over=say_over(case))
        case.close()
        return outcome

    def close(self) -> None:
        """End everything that goes on, and record it as interrupted. Nothing is left when this
        returns, also after Ctrl-C."""
        self._is_cut = not all(task.has_ended for task in self._tasks.values())
        with self._stack:
            if self._engine is None:
                return
            try:
                self._engine.cancel()
                deadline = time.monotonic() + GRACE
                while self._requests and time.monotonic() < deadline:
                    self._handle_next(again=False)
            finally:  # also after another Ctrl-C
                self._engine.close()
                for attempt in [*self._requests]:
                    lost = events.Lost(attempt=attempt, why="the batch was ended")
                    self._handle(lost, again=False)

    def _start(self) -> None:
        """Prepare the records, the data and the engine, and answer what needs no run. Raise
        OuroError if nothing can be measured."""
        case, enter = self._case, self._stack.enter_context
        if record.recover(case, self._say):
            case = self._case = case.again()
        preconditions.demand_writable(case)
        if case.trust.blessing_pending:
            paths = (case.trust.lock_path, case.trust.bound_path)
            raise experiment_messages.blessing_not_committed(*map(case.repository.git.word, paths))
        experiment = preconditions.rehearse(
            case.bound.experiments[self._profile], self._order.budget
        )
        self._experiment = experiment
        if experiment.command:
            demand_trusted(case)
        enter(hold_devices([tree_lock(case.evidence.root)], self._say))
        scratch = enter(temp_folders.temporary())
        enter(make_undumpable())  # no candidate may write to the pipes of the workers
        enter(interrupt_on_term())
        engine = self._make_engine()
        if broken := find_broken_records(case):
            metric, self._engine = experiment.described_metric, engine
            for task in self._tasks.values():
                task.result = Result(Reason.RULES_BROKEN, task.commit, metric, closed=broken)
            return
        if engine.is_local:
            preconditions.demand_startable(case, experiment)
            make_data(Setup(case, experiment, self._profile, scratch), self._say)
        missing = data.missing(experiment.data, case.evidence.root)
        total = case.evidence.fingerprints.total(experiment.data, case.evidence.root)
        self._recorder = Recorder(
            case,
            experiment,
            is_local=engine.is_local,
            data="" if missing else total,
            say=self._say,
        )
        self._sender = Sender(case, scratch / "base.bundle", self._profile, self._order.budget)
        for task in self._tasks.values():
            ancestors = set(case.at(task.commit).repository.history[1:])
            task.after = [one for one in self._tasks.values() if one.commit in ancestors]
        self._engine = engine
        for task in self._tasks.values():
            self._answer(task)
        left = [task.commit for task in self._tasks.values() if not task.has_ended]
        self._common = find_common(case.repository.git, [case.repository.head, *left])

    def _answer(self, task: Task) -> None:
        """Give a candidate the result that needs no run, if it has one."""
        order = self._order
        try:
            task.result = answer(
                self._case.at(task.commit),
                self._experiment,
                self._profile,
                self._recorder,
                lambda text: self._tell(task, text),
                plan=self._plan,
                again=order.again or order.budget is not None,
            )
        except FAULTS as error:
            task.error = to_error(error)

    def _dispatch(self) -> None:
        """Start the attempts for which there are places, those of bases first. A task whose base is
        found to be unmeasured waits for that."""
        assert self._engine is not None
        found = len(self._bases)
        for task in (*self._bases.values(), *self._tasks.values()):
            if task.has_ended or task.attempt or not all(one.has_ended for one in task.after):
                continue
            if len(self._requests) >= self._engine.capacity:
                return
            try:
                base = self._prepare(task)
                if base is None:
                    self._send(task)
                else:
                    task.after.append(base)
            except FAULTS as error:
                self._fail(task, to_error(error))
        if len(self._bases) > found:
            self._dispatch()

    def _prepare(self, task: Task) -> Task | None:
        """Return the task that must end before ``task`` is started; None if there is none: then its
        salt is set. Raise ExperimentError if its base gave no value, another OuroError if its code
        or the records cannot be read."""
        if self._order.budget is not None or self._tasks.get(task.commit) is not task:
            return None  # a rehearsal is compared with nothing, and a base has no base
        case = self._case.at(task.commit)
        described = describe_start(case, self._experiment, self._profile)
        wanted = find_base(case, described, self._profile, self._common)
        if not wanted.commit:
            task.salt = wanted.salt
            return None
        base = self._find_base(wanted)
        if base is task or base.has_ended:
            if base is not task and wanted.purpose == "search":
                why = str(base.error or (base.result and base.result.reason) or "no value")
                raise messages.no_base(base.commit, why.split("\n", 1)[0])
            measured = base.result is not None and base.result.value is not None
            task.salt = base.salt if measured else wanted.salt
            return None
        return base

    def _find_base(self, wanted: Base) -> Task:
        """Return the task of a base: a candidate, or one that all candidates of the base share."""
        if wanted.purpose == "search" and wanted.commit in self._tasks:
            return self._tasks[wanted.commit]
        key = (wanted.commit, wanted.purpose)
        if key not in self._bases:
            from pytest_ouro.experiment.terms.turns import draw_salt

            salt = draw_salt() if wanted.purpose == "reference" else 0
            self._bases[key] = Task(wanted.commit, wanted.purpose, salt)
            what = "again, on a new salt" if salt else "first, as the baseline"
            self._say(f"ouro: {wanted.commit[:7]}, the base of candidates, is measured {what}")
        return self._bases[key]

    def _send(self, task: Task) -> None:
        """Start a new attempt of a task. Raise OuroError if that cannot be done."""
        assert self._engine is not None
        plan = self._plan if self._tasks.get(task.commit) is task else ""
        request = self._sender.request(task.commit, purpose=task.purpose, salt=task.salt, plan=plan)
        self._engine.start(request)
        task.attempt, task.tries = request.attempt, task.tries + 1
        self._requests[request.attempt] = (task, request)

    def _handle_next(self, *, again: bool) -> None:
        """Wait a little for events, and handle those that have arrived. One whose handling is
        interrupted is handled again by the next call: no end that has arrived is lost."""
        assert self._engine is not None
        if not self._events:
            self._events.extend(self._engine.wait(_PATIENCE))
        while self._events:
            self._handle(self._events[0], again=again)
            self._events.popleft()

    def _handle(self, event: events.Event, *, again: bool) -> None:
        """Record what an event tells. A lost attempt is made again, unless ``again`` is False or it
        was the last of ``RETRIES``."""
        if event.attempt not in self._requests:
            return
        task, _ = self._requests[event.attempt]
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
                self._fail(task, messages.relayed(event.text, event.help))
            elif isinstance(event, events.Lost):
                self._lose(task, event, again=again)
        except FAULTS as error:
            fault = to_error(error)
            with contextlib.suppress(*FAULTS):  # its start is on record, and so must its end be
                self._recorder.lose(event.attempt, "interrupted", fault.message)
            self._fail(task, fault)
        if again:
            self._begin()

    def _begin(self) -> None:
        """Record that the runs begin that are about to, and let them; refuse one where that cannot
        be done. One whose device another attempt still has on record waits: the worker of that has
        ended its run, and its end is recorded first."""
        assert self._engine is not None
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
            except FAULTS as error:
                fault = to_error(error)
                reply = replace(reply, refusal=fault.message, help=fault.help)
            del self._waiting[attempt]
            self._engine.answer(reply)

    def _lose(self, task: Task, event: events.Lost, *, again: bool) -> None:
        """Record that an attempt was lost, and forget it, so that another one can be made; if none
        is to be made, it is the result."""
        result = self._recorder.lose(event.attempt, "lost" if again else "interrupted", event.why)
        if again and task.tries <= RETRIES:
            self._tell(task, f"attempt {task.tries} was lost: {event.why}; it is tried again")
            self._forget(task)
        elif result is not None:
            self._end(task, result)
        elif again:
            self._fail(task, messages.worker_failed(event.why))
        else:  # it had not started yet
            self._forget(task)

    def _end(self, task: Task, result: Result) -> None:
        """Give a task its result."""
        self._forget(task)
        task.result = result
        value = f" {result.metric.name}={result.metric.text(result.value)}"
        self._tell(task, f"{result.status}{value} ({result.reason})")

    def _fail(self, task: Task, error: OuroError) -> None:
        """End a task without a result."""
        self._forget(task)
        task.error = error
        self._tell(task, f"not measured: {error.message}")

    def _forget(self, task: Task) -> None:
        """Take the attempt from those that go on."""
        self._requests.pop(task.attempt, None)
        self._waiting.pop(task.attempt, None)
        task.attempt, task.has_begun = "", False

    def _add_notes(self, result: Result) -> Result:
        """Return the result of a run with the notes on it."""
        if result.record is None:
            return result
        lines = history.notes(result.record, self._case.evidence.journal.runs())
        return replace(result, notes=lines)

    def _tell(self, task: Task, text: str) -> None:
        """Say a line about a task, with its commit."""
        self._say(f"ouro: {task.commit[:7]} {text.removeprefix('ouro: ')}")

    def _show(self) -> None:
        """Show the position of the run that began first, with the number of the others."""
        running = [*self._recorder.running.values()]
        position = next((one.position for one in running if one.position), None)
        if self._progress is None or position is None or position.run is None:
            return
        ended = sum(task.has_ended for task in self._tasks.values())
        text = f"{position.run.commit[:7]} {position.text}".strip()
        others = f"{ended}/{len(self._tasks)} ended, {len(running)} running"
        self._progress(replace(position, text=f"{others}: {text}"))
