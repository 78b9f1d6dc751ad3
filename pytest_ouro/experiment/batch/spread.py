"""Make the runs of a certificate, of a confirmation or of repeats on the places of an engine."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING

from pytest_ouro.experiment.batch.open_engine import open_engine, prepare
from pytest_ouro.experiment.batch.task import FAULTS, Task, to_error
from pytest_ouro.experiment.measure import check_gate
from pytest_ouro.experiment.steps import preconditions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.engine import Case
    from pytest_ouro.experiment.batch.attempts import Attempts
    from pytest_ouro.experiment.batch.batch import ShowBatch
    from pytest_ouro.experiment.batch.open_engine import Prepared
    from pytest_ouro.experiment.engines.engine import Engine
    from pytest_ouro.experiment.measurer import Take, Wanted
    from pytest_ouro.experiment.terms.setup import Profile


class Spread:
    """Makes runs on the engine that ``make_engine`` makes, as many at a time as it has places: a
    `Measurer`. ``budget``, in seconds, replaces the bound's unless it is None. ``say`` is called
    with lines about the course, ``progress`` with the positions of the runs. Leave it by `close`.
    """

    def __init__(
        self,
        case: Case,
        profile: Profile,
        make_engine: Callable[[], Engine],
        *,
        budget: float | None = None,
        progress: ShowBatch | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._case = case
        self._profile: Profile = profile
        self._make_engine = make_engine
        self._budget = budget
        self._progress, self._say = progress, say
        self._stack = contextlib.ExitStack()
        self._prepared: Prepared | None = None
        self._attempts: Attempts | None = None

    @property
    def profile(self) -> Profile:
        """What the engine measures on."""
        return self._profile

    def measure(self, wanted: Sequence[Wanted], take: Take) -> None:
        """Make the wanted runs, see `Measurer.measure`. If a rule about one of the commits is
        broken, start none: ``take`` gets the result "closed". After Ctrl-C it gets the results of
        what was interrupted; raise KeyboardInterrupt if there are none, or if no further run was
        wanted."""
        if not wanted:
            return
        work = _Work([Task(one.commit, one.turn) for one in wanted], take)
        try:
            self._make(work)
        except FAULTS as error:
            self.close()
            raise to_error(error) from None
        except KeyboardInterrupt:
            went_on = work.goes_on
            self.close()
            work.hand_over()
            if not (went_on and work.is_interrupted):
                raise
        except BaseException:
            self.close()
            raise
        if work.error is not None:
            raise work.error

    def close(self) -> None:
        """End everything that goes on, and record the runs that had begun. Nothing is left when
        this returns, also after Ctrl-C."""
        self._prepared = self._attempts = None
        self._stack.close()

    def _make(self, work: _Work) -> None:
        """Make the wanted runs, until all have ended; start no more once ``take`` wants none or one
        cannot be made. A run that was lost is made again, as `Attempts` says."""
        if self._prepared is None:
            stack, say = self._stack, self._say
            self._prepared = prepare(self._case, self._profile, self._budget, stack, say)
        self._check(work, self._prepared.case)
        work.hand_over()
        if not work.waiting:
            return
        attempts = self._attempts = self._attempts or self._open(self._prepared)
        if attempts.places != 1:
            work.order = mix(work.tasks)
        while attempts.tasks or work.waiting:
            for task in work.waiting:
                if attempts.is_full:
                    break
                try:
                    attempts.send(task)
                except FAULTS as error:
                    attempts.fail(task, to_error(error))
            attempts.handle_next(again=True)
            work.hand_over()
            if self._progress is not None and (positions := attempts.positions):
                self._progress(positions, work.course)

    def _open(self, prepared: Prepared) -> Attempts:
        """Make the engine, and return what makes attempts on it. Raise OuroError if nothing can be
        measured."""

        def tell(task: Task, text: str) -> None:
            self._say(task.line(text))

        engine = self._make_engine()
        return open_engine(prepared, engine, self._stack, say=self._say, tell=tell).attempts

    def _check(self, work: _Work, case: Case) -> None:
        """Give the result "closed" to a task of a commit about which a rule is broken. Repeats are
        of HEAD in the working tree, whose other rules must hold too. Raise OuroError if a rule
        cannot be checked, a commit cannot be run, or HEAD moved."""
        for task in {task.commit: task for task in work.tasks}.values():
            checked = case.at(task.commit) if task.turn.plan else case.again()
            preconditions.demand_same_head(checked, task.commit)
            task.result = check_gate(checked)
            preconditions.demand_committed(checked)


def mix(tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks in an order that is drawn, in which those of one salt, the sides of a pair,
    keep theirs. If both sides ran beside each other, a program that slows its neighbours down would
    look better than it is; so each run gets neighbours of either side."""
    salts = [task.turn.salt for task in tasks]
    random.SystemRandom().shuffle(salts)
    left = {salt: [task for task in tasks if task.turn.salt == salt] for salt in salts}
    return [left[salt].pop(0) for salt in salts]


class _Work:
    """The ``tasks`` of one call of `Spread.measure`; ``take`` gets their results."""

    def __init__(self, tasks: list[Task], take: Take) -> None:
        self.tasks = tasks
        #: The same, in the order in which they are sent.
        self.order = tasks
        self._take = take
        self._taken: set[int] = set()
        #: Whether further runs are to be started.
        self.goes_on = True
        #: Why a run could not be made.
        self.error: OuroError | None = None
        self.is_interrupted = False

    @property
    def waiting(self) -> list[Task]:
        """The tasks of which an attempt is to be made now, in the order in which they are sent."""
        return [task for task in self.order if task.is_ready] if self.goes_on else []

    @property
    def course(self) -> str:
        """How many runs have ended, in words."""
        return f"{len(self._taken)}/{len(self.tasks)} ended"

    def hand_over(self) -> None:
        """Give ``take`` each result that it has not got yet, in the order in which they were
        recorded. Start no further runs once it returns False, or a task has an error."""
        ended = {place for place, task in enumerate(self.tasks) if task.has_ended}
        for place in sorted(ended - self._taken, key=self._find_seq):
            task = self.tasks[place]
            if task.result is None:
                self.error, self.goes_on = self.error or task.error, False
            else:
                self.is_interrupted |= task.result.interrupted
                self.goes_on = self._take(place, task.result) and self.goes_on
            self._taken.add(place)

    def _find_seq(self, place: int) -> int:
        """Return the number of the record of a task that has ended; 0 if it has none."""
        result = self.tasks[place].result
        return (result.record.seq or 0) if result and result.record else 0
