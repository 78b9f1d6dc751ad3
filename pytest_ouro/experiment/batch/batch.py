"""Measure the candidates of a batch on an engine, and record each of them once."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.experiment.batch.answer import (
    answer_by_code,
    answer_by_keep,
    find_broken_records,
)
from pytest_ouro.experiment.batch.attempts import PATIENCE
from pytest_ouro.experiment.batch.base import find_base, find_common, find_nearest
from pytest_ouro.experiment.batch.open_engine import open_engine, prepare
from pytest_ouro.experiment.batch.outcome import Outcome
from pytest_ouro.experiment.batch.task import FAULTS, Task, to_error
from pytest_ouro.experiment.known import describe_start
from pytest_ouro.experiment.measure import check_gate
from pytest_ouro.experiment.result import Result
from pytest_ouro.experiment.run import say_over
from pytest_ouro.experiment.steps.night_end import count_tries_left, find_night_end
from pytest_ouro.experiment.steps.settle import fast_forward
from pytest_ouro.experiment.terms.turns import Turn, draw_salt
from pytest_ouro.messages import engines as messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.run_facts import Purpose
    from pytest_ouro.experiment.batch.attempts import Attempts
    from pytest_ouro.experiment.batch.base import Base
    from pytest_ouro.experiment.batch.candidates import Candidate
    from pytest_ouro.experiment.engines.engine import Engine
    from pytest_ouro.experiment.known import Elsewhere
    from pytest_ouro.experiment.run import Order
    from pytest_ouro.experiment.terms.job import Position
    from pytest_ouro.experiment.terms.setup import Profile

#: A function that is called with the positions of the runs that go on, and how many candidates of
#: how many have ended, in words.
ShowBatch = Callable[["list[Position]", str], None]


class Batch:
    """The candidates of one session, measured on the engine that ``make_engine`` makes.

    ``order`` are the options of the session; ``profile`` is what is measured on. ``say`` is called
    with lines about the course, ``progress`` with the positions of the runs and a text. Call
    `close` at the end.
    """

    def __init__(
        self,
        case: Case,
        candidates: Sequence[Candidate],
        order: Order,
        profile: Profile,
        make_engine: Callable[[], Engine],
        *,
        progress: ShowBatch | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._case = case
        self._order = order
        self._profile: Profile = profile
        self._make_engine = make_engine
        self._progress, self._say = progress, say
        self._plan = uuid.uuid4().hex[:12]
        self._candidates = list({one.commit: one for one in candidates}.values())
        turn = Turn(plan=self._plan)
        self._tasks = {one.commit: Task(one.commit, turn) for one in self._candidates}
        self._bases: dict[tuple[str, Purpose], Task] = {}
        self._attempts: Attempts | None = None
        self._stack = contextlib.ExitStack()
        self._is_started = False
        self._common = ""
        #: Whether the night was over before the batch: it is measured all the same, as a run is.
        self._was_over = False
        self._failed: OuroError | None = None
        self._is_cut = False

    def measure(self, commit: str) -> Result:
        """Return the result of the candidate with this commit; the first call starts the batch, and
        each lets other candidates go on too. Raise OuroError if it cannot be measured,
        KeyboardInterrupt for Ctrl-C."""
        task = self._tasks[commit]
        if self._failed is not None:
            raise self._failed
        if not self._is_started:
            try:
                self._start()
            except FAULTS as error:  # what is locked already stays locked
                self._failed = to_error(error)
                raise self._failed from None
        while not task.has_ended:
            assert self._attempts is not None
            is_more = self._dispatch(self._attempts)
            if not task.has_ended:
                self._attempts.handle_next(again=True, patience=0 if is_more else PATIENCE)
                self._show(self._attempts)
        if task.error is not None:
            raise task.error
        assert task.result is not None
        return task.result

    def finish(self) -> Outcome:
        """Return what came of the batch, and move the branch to its best candidate if the order
        says so, unless the batch was interrupted or the branch must stay. An error is not raised,
        but is the ``fault`` of what is returned. Call it after `close`."""
        ended = [(one, self._tasks[one.commit]) for one in self._candidates]
        results = [(one, task.result) for one, task in ended if task.result is not None]
        outcome = Outcome(results, unmade=len(ended) - len(results))
        try:
            return self._settle(outcome)
        except FAULTS as error:
            return replace(outcome, fault=to_error(error))

    def _settle(self, outcome: Outcome) -> Outcome:
        """Return the outcome of the batch with what the journal says about it, and move the branch
        as `finish` says. Raise OuroError if the journal or the repository cannot be read."""
        runs = tuple(self._case.evidence.journal.runs())
        outcome = replace(outcome, runs=runs, discarded=self._find_discarded(outcome.results))
        lines: tuple[str, ...] = ()
        if self._is_cut:
            lines = ("ouro: not settled: the batch was interrupted",) if self._order.settle else ()
        elif best := outcome.best:  # by the case from the start: the branch may have moved
            lines = fast_forward(self._case, best.commit, apply=self._order.settle)
        elif any(result.status == "keep" for _, result in outcome.results):
            lines = ("ouro: not settled: the keeps cannot be compared with each other",)
        case = self._case.again()
        try:
            return replace(outcome, settlement=lines, over=say_over(case))
        finally:
            case.close()

    def _find_discarded(self, results: Sequence[tuple[Candidate, Result]]) -> dict[str, str]:
        """Return, for each candidate that cannot be kept because a commit below it was discarded,
        the newest such commit; {} if there are none."""
        found = {}
        for one, result in results:
            if result.reason is Reason.ON_DISCARD:
                case = self._case.at(one.commit)
                gone = {run.commit for run in self._recorder.find_discarded(case)}
                found[one.commit] = next(c for c in case.repository.history if c in gone)
        return found

    def close(self) -> None:
        """End everything that goes on, and record the runs that had begun. Nothing is left when
        this returns, also after Ctrl-C."""
        self._is_cut = not all(task.has_ended for task in self._tasks.values())
        self._stack.close()

    def _start(self) -> None:
        """Prepare the records, the data and the engine. If a rule about the records is broken,
        start no engine, and give each candidate the result "closed". Raise OuroError if nothing can
        be measured."""
        budget, stack = self._order.budget, self._stack
        prepared = prepare(self._case, self._profile, budget, stack, self._say)
        self._case, self._experiment = case, experiment = prepared.case, prepared.experiment
        if broken := find_broken_records(case):
            metric = experiment.described_metric
            for task in self._tasks.values():
                task.result = Result(Reason.RULES_BROKEN, task.commit, metric, closed=broken)
            self._is_started = True
            return
        self._was_over = find_night_end(case) is not None
        self._attempts, self._recorder, self._elsewhere = open_engine(
            prepared, self._make_engine(), stack, say=self._say, tell=self._tell
        )
        nearest = find_nearest(case.repository.git, self._tasks)
        for task in self._tasks.values():
            task.after = [self._tasks[commit] for commit in nearest[task.commit]]
        self._common = find_common(case.repository.git, [case.repository.head, *self._tasks])
        self._is_started = True

    def _dispatch(self, attempts: Attempts) -> bool:
        """Start the attempts for which there are places, those of bases first, and give results to
        candidates that need no run. A task whose base is found to be unmeasured waits for that.
        Return whether to call this again without waiting for events: a base was added, or it left
        off after a result while runs go on, whose events come first."""
        found = len(self._bases)
        for task in (*self._bases.values(), *self._tasks.values()):
            if not task.is_ready:
                continue
            is_try = task.turn.purpose == "search"
            if attempts.is_full or (is_try and not self._may_start(attempts)):
                return False
            try:
                base = self._prepare(task)
                if base is not None:
                    task.after.append(base)
                elif not task.has_ended:
                    attempts.send(task)
                elif attempts.tasks:
                    return True
            except FAULTS as error:
                attempts.fail(task, to_error(error))
        return len(self._bases) > found

    def _may_start(self, attempts: Attempts) -> bool:
        """Return whether a candidate may be started. If the night ended during the batch, none may,
        and all that wait get an error. Where the last tries of the night are made now, they may yet
        turn out to be none: then nothing is started before they have ended. Raise RecordError if
        the journal cannot be read."""
        if self._case.bound.night is None or self._was_over or self._order.budget is not None:
            return True
        case = self._case.again()
        try:
            if end := find_night_end(case):
                for task in (*self._bases.values(), *self._tasks.values()):
                    if not task.has_ended and not task.attempt:
                        attempts.fail(task, messages.night_over(end.why))
                return False
            tries = sum(one.turn.purpose == "search" for one in attempts.tasks)
            return tries < count_tries_left(case)
        finally:
            case.close()

    def _prepare(self, task: Task) -> Task | None:
        """Return the task that must end before ``task`` is started; None if none must, or if
        ``task`` has a result. First give it the result that needs no run, if it has one: a rule is
        broken, or it was measured before. Set the salt of a candidate that can start; a base and a
        rehearsal keep theirs. Raise ExperimentError if its base ended and was not kept, another
        OuroError if its code or the records cannot be read."""
        if self._tasks.get(task.commit) is not task:
            return None  # a base has no base
        case = self._case.at(task.commit)
        if not task.is_lawful:
            task.result = check_gate(case)
            task.is_lawful = task.result is None
        if not task.is_lawful or self._order.budget is not None:
            return None  # a rehearsal is compared with nothing
        elsewhere = self._where
        described = describe_start(case, self._experiment, self._profile, elsewhere)
        experiment, recorder, say = self._experiment, self._recorder, partial(self._tell, task)
        if not self._order.again and (
            result := answer_by_keep(case, experiment, described, recorder, say)
        ):
            task.result = result
            return None
        wanted = find_base(case, described, self._profile, self._find_common(task.commit))
        if wanted.commit and wanted.purpose == "search":
            base = self._find_base(wanted)
            if base.has_ended:
                why = str(base.error or (base.result and base.result.reason) or "no value")
                raise messages.no_base(base.commit, why.split("\n", 1)[0])
            if base is not task:
                return base
        if not self._order.again and (
            result := answer_by_code(
                case,
                experiment,
                self._profile,
                recorder,
                say,
                plan=self._plan,
                elsewhere=elsewhere,
            )
        ):
            task.result = result
            return None
        salt = wanted.salt
        if wanted.purpose == "reference":
            base = self._find_base(wanted)
            if not base.has_ended:
                return base
            if base.result is not None and base.result.value is not None:
                salt = base.turn.salt
        task.turn = replace(task.turn, salt=salt)
        return None

    @property
    def _where(self) -> Elsewhere | None:
        """Where the runs are made, see `Engine.elsewhere`; if the data there was not known before,
        with the digest that the first worker stated."""
        found = self._elsewhere
        return found and found._replace(digest=found.digest or self._recorder.data)

    def _find_common(self, commit: str) -> str:
        """Return the best common ancestor of HEAD and all candidates; if they have none, that of
        HEAD and this one; "" if these have none either."""
        git = self._case.repository.git
        return self._common or find_common(git, [self._case.repository.head, commit])

    def _find_base(self, wanted: Base) -> Task:
        """Return the task of a base: a candidate, or one that all candidates of the base share. One
        that is not on the branch is recorded as a part of the batch: the branch need not have
        it."""
        if wanted.purpose == "search" and wanted.commit in self._tasks:
            return self._tasks[wanted.commit]
        key = (wanted.commit, wanted.purpose)
        if key not in self._bases:
            salt = draw_salt() if wanted.purpose == "reference" else 0
            plan = None if wanted.commit in self._case.repository.ancestors else self._plan
            turn = Turn(salt=salt, purpose=wanted.purpose, plan=plan)
            self._bases[key] = Task(wanted.commit, turn)
            what = "again, on a new salt" if salt else "first, as the baseline"
            self._say(f"ouro: {wanted.commit[:7]}, the base of candidates, is measured {what}")
        return self._bases[key]

    def _tell(self, task: Task, text: str) -> None:
        """Say a line about a task, with its commit."""
        self._say(task.line(text))

    def _show(self, attempts: Attempts) -> None:
        """Pass the positions of the runs that go on to ``progress``, if one is known, and how many
        candidates have ended."""
        if self._progress is not None and (positions := attempts.positions):
            ended = sum(task.has_ended for task in self._tasks.values())
            self._progress(positions, f"{ended}/{len(self._tasks)} ended")
