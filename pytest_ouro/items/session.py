"""The session: its settings, its case, and the runs that its items share."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

import pytest

from pytest_ouro.checks import registered
from pytest_ouro.core.errors import OuroError
from pytest_ouro.engine import open_case
from pytest_ouro.items.announcer import Announcer
from pytest_ouro.items.outcome_audit import OutcomeAudit
from pytest_ouro.items.outside_config import refuse_outside_config
from pytest_ouro.items.registered import read_checks
from pytest_ouro.items.settings import CLOSED, read_settings
from pytest_ouro.items.time_limits import hold_time_limits
from pytest_ouro.items.tracking import track
from pytest_ouro.messages import engines as engine_messages
from pytest_ouro.messages import selection as messages
from pytest_ouro.report.text import error_text
from pytest_ouro.report.unforeseen import to_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.journal import Journal
    from pytest_ouro.experiment.batch.batch import Batch
    from pytest_ouro.experiment.batch.candidates import Candidate, Found
    from pytest_ouro.experiment.batch.outcome import Outcome
    from pytest_ouro.experiment.engines.engine import Engine
    from pytest_ouro.experiment.measurer import Measurer
    from pytest_ouro.experiment.result import Result
    from pytest_ouro.experiment.run import Order
    from pytest_ouro.experiment.selection.ablate import Ablation
    from pytest_ouro.experiment.selection.selection import Selection
    from pytest_ouro.experiment.terms.job import Position
    from pytest_ouro.experiment.terms.setup import Profile
    from pytest_ouro.report.progress import Progress

T = TypeVar("T")

#: What ends a run, in place of the time limit of another plugin.
_OWN = "'timeout' in bound.toml does"


class Session:
    """What the items of one pytest session share: settings, the case, and the outcome of the runs.
    Raise UsageError, when it is made, for an invalid option.

    ``opened`` is the case, None before it is first used; ``result`` is that of the experiment,
    ``selection`` that of the certificate, confirmation or ablation, and ``outcome`` that of the
    batch of candidates, each None before it is made.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.settings = read_settings(config)
        self.opened: Case | None = None
        self.result: Result | None = None
        self.selection: Selection | Ablation | None = None
        self.outcome: Outcome | None = None
        self._batch: Batch | None = None
        #: Why there is no batch, and what is to be closed after it.
        self._unmade: OuroError | None = None
        self._stack = contextlib.ExitStack()
        self._progress: Progress | None = None
        self._announcer = Announcer(config, self._say)
        #: The last lines if nothing came out.
        self.closed = CLOSED
        self._refused: OuroError | None = None
        #: The rule that reported a finding first, by the finding's headline.
        self.reported: dict[str, str] = {}
        self.audit = OutcomeAudit(config)
        #: Lines about what the options name.
        self.notes: tuple[str, ...] = ()

    @property
    def case(self) -> Case:
        """The case, opened at the first use; once the run is made, the case that has its record.
        Raise OuroError if it cannot be opened."""
        if self.opened is None:
            self.opened = open_case(
                self.settings.bound,
                trust=self.settings.trust,
                trust_by="--ouro-trust",
                run_commands=True,
                checks=read_checks(self.config),
                listener=self._announcer,
            )
        return self.opened

    def experiment(self) -> Result:
        """Return the result of the session's one run, which the first call makes. Raise OuroError,
        the same in every call, if it could not be made. The call that makes it raises what ended it
        from outside: KeyboardInterrupt, or the exception by which a plugin ends a test."""
        if self._refused is not None:
            raise self._refused
        if self.result is None:
            self.result = self._measure(self._run)
            self.opened = self.case.again(measured=self.result.record)
            self._announcer.announce(self.result)
            _raise_end(self.result)
        return self.result

    def select(self) -> Selection | Ablation:
        """Return the outcome of the session's certificate, confirmation or ablation, which the
        first call measures. Raise OuroError, the same in every call, if a run could not be made.
        The call that makes the runs raises what ended one from outside."""
        if self._refused is not None:
            raise self._refused
        if self.selection is None:
            try:
                self.selection = self._measure(self._select)
            except KeyboardInterrupt:  # between two runs
                kinds = {"--ouro-certify": "certificate", "--ouro-confirm": "confirmation"}
                kind = kinds.get(self.settings.task, "ablation")
                last = f"ouro: {kind}-unfinished reason=interrupted"
                self.closed = f"ouro: {messages.GO_ON}\n{last}"
                raise
            self.opened = self.case.again()
            self._announcer.announce(self.selection)
            if self.selection.result is not None:
                _raise_end(self.selection.result)
        return self.selection

    def find_candidates(self) -> Found:
        """Return the candidates that the options name. Raise OuroError if there are none, or a word
        names no commit."""
        from pytest_ouro.experiment.batch.candidates import find_candidates

        return find_candidates(self.case.evidence.place, self.settings.candidates)

    def measure_candidate(self, commit: str, candidates: Sequence[Candidate]) -> Result:
        """Return the result of one of the candidates of this session, of which the first call
        starts all. Raise OuroError if it cannot be measured, KeyboardInterrupt for Ctrl-C."""

        def make(progress: Progress) -> Result:
            if self._unmade is not None:
                raise self._unmade
            if self._batch is None:
                try:
                    self._batch = self._make_batch(candidates)
                except OuroError as error:
                    self._unmade = error
                    raise
            return self._batch.measure(commit)

        try:
            result = self._measure(make)
        finally:
            self._refused = None  # the next candidate may be measured
            self.opened = self.case.again()
        self._announcer.announce(result)
        return result

    def _find_engine(
        self, stack: contextlib.ExitStack, say: Callable[[str], None]
    ) -> tuple[Profile, Callable[[], Engine]]:
        """Return what the engine of this session measures on, and the function that makes it;
        ``stack`` closes it. Raise ExperimentError if the device or the cluster is not there, or if
        workers lack a check."""
        from pytest_ouro.experiment.batch.choose import make_engine

        settings, case = self.settings, self.case
        given = read_checks(self.config)
        for rule in case.bound.rules:
            if rule.check in given and rule.check not in registered():
                raise engine_messages.registered_check(rule.key, rule.check)
        device = settings.device or case.experiment.device
        return make_engine(case, device, settings.places, settings.ray, stack, say)

    @contextlib.contextmanager
    def _open_measurer(self, progress: Progress) -> Iterator[Measurer | None]:
        """Yield what makes the runs, if the options name an engine, otherwise None: then this
        process does. Nothing is left of it when the context ends. Raise as `_find_engine` does."""
        if not self.settings.engine:
            yield None
            return
        from pytest_ouro.experiment.batch.spread import Spread

        with contextlib.ExitStack() as stack:
            profile, make = self._find_engine(stack, progress.say)
            spread = Spread(
                self.case,
                profile,
                make,
                budget=self.settings.budget,
                progress=progress.show_batch,
                say=progress.say,
            )
            stack.callback(spread.close)
            yield spread

    def _make_batch(self, candidates: Sequence[Candidate]) -> Batch:
        """Return the batch of the candidates; nothing is started yet. Raise as `_find_engine`
        does."""
        from pytest_ouro.experiment.batch.batch import Batch

        def show(positions: Sequence[Position], course: str) -> None:
            if self._progress is not None:
                self._progress.show_batch(positions, course)

        profile, make = self._find_engine(self._stack, self._say)
        order, say = self._order(), self._say
        return Batch(self.case, candidates, order, profile, make, progress=show, say=say)

    def finish_batch(self) -> str:
        """End the batch, if there is one, and keep its outcome; what goes on is interrupted. Return
        the text of the error if that fails, otherwise "". Nothing is left of it in any case."""
        if self._batch is None:
            return ""
        batch, self._batch = self._batch, None
        try:
            try:
                with self._stack:
                    batch.close()
            finally:
                self.outcome = batch.finish()
        except Exception as error:
            return error_text(to_error(error))
        fault = self.outcome.fault
        return error_text(fault) if fault else ""

    def _say(self, text: str) -> None:
        """Write a line with the progress of the runs; nothing before the first of them."""
        if self._progress is not None:
            self._progress.say(text)

    def _order(self) -> Order:
        """Return the options of an experiment."""
        from pytest_ouro.experiment.run import Order

        one = self.settings
        return Order(one.device, one.budget, one.settle, one.repeat, one.again)

    def _measure(self, make: Callable[[Progress], T]) -> T:
        """Call ``make``, which makes runs and shows their progress, and return what it returns. An
        Exception of it becomes an OuroError, which `experiment` and `select` raise again in later
        calls, without a run. Time limits of other plugins (SIGALRM) end no run: after the runs, a
        line for each plugin whose limit passed names its module."""
        from pytest_ouro.experiment.records.sharing import join_case
        from pytest_ouro.report.progress import Progress

        progress = self._progress = Progress(self.config)
        target = self.settings.trackio
        with hold_time_limits() as rang, track(target, self._find_journal, progress):
            try:
                refuse_outside_config(self.config, self.case.repository.git.top)
                self.opened = join_case(self.case)
                return make(progress)
            except Exception as error:
                self._refused = to_error(error)
                raise self._refused from None
            finally:
                for owner in dict.fromkeys(rang):
                    words = f"has a time limit, which does not end a run; {_OWN}"
                    progress.say(f"ouro: {owner} {words}")
                progress.close()

    def _find_journal(self) -> Journal:
        """Return the journal of the case."""
        return self.case.evidence.journal

    def _run(self, progress: Progress) -> Result:
        """Run the experiment and return its result."""
        from pytest_ouro.core.own_modules import speed_up_exit
        from pytest_ouro.experiment.run import run_experiment

        speed_up_exit()
        order, show, say = self._order(), progress.show, progress.say
        with self._open_measurer(progress) as measurer:
            return run_experiment(self.case, order, progress=show, say=say, measurer=measurer)

    def _select(self, progress: Progress) -> Selection | Ablation:
        """Measure the pairs of the certificate, confirmation or ablation; return its outcome."""
        from pytest_ouro.experiment.selection.ablate import ablate
        from pytest_ouro.experiment.selection.certify import certify
        from pytest_ouro.experiment.selection.confirm import confirm_edit

        settings, show, say = self.settings, progress.show, progress.say
        if settings.task == "--ouro-ablate":
            return ablate(
                self.case,
                pairs=settings.pairs,
                again=settings.again,
                device=settings.device,
                progress=show,
                say=say,
            )
        with self._open_measurer(progress) as measurer:
            if settings.task == "--ouro-confirm":
                return confirm_edit(
                    self.case,
                    settings.revision,
                    apply=settings.settle,
                    again=settings.again,
                    device=settings.device,
                    progress=show,
                    say=say,
                    measurer=measurer,
                )
            return certify(
                self.case,
                pairs=settings.pairs,
                looks=settings.looks,
                again=settings.again,
                device=settings.device,
                progress=show,
                say=say,
                measurer=measurer,
            )

    def result_for_test(self) -> Result:
        """Return the run's result to a test that uses the fixture, also if the run crashed. If no
        run was made, as because a rule is broken, fail the test. Ctrl-C is raised as by
        `experiment`."""
        try:
            result = self.experiment()
        except OuroError as error:
            pytest.fail(error_text(error), pytrace=False)
        if result.status == "closed":
            pytest.fail("no experiment was run: rules are broken", pytrace=False)
        return result


def _raise_end(result: Result) -> None:
    """Raise what ended a run from outside, if that must end the test: pytest's Exit, what is not an
    Exception, or KeyboardInterrupt for Ctrl-C."""
    error = result.ended_by
    if error is None and result.interrupted:
        raise KeyboardInterrupt
    if error and (isinstance(error, pytest.exit.Exception) or not isinstance(error, Exception)):
        raise error


_KEY = pytest.StashKey[Session]()


def open_session(config: pytest.Config) -> Session:
    """Make the session of ``config``, which `find_session` returns from now on. Raise UsageError
    for an invalid option."""
    session = config.stash[_KEY] = Session(config)
    return session


def find_session(config: pytest.Config) -> Session:
    """Return the session that was made for ``config``; raise KeyError if none was."""
    return config.stash[_KEY]
