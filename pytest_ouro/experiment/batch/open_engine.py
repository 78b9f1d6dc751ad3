"""Prepare records, data and engine for attempts, before the first one is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.experiment.batch.attempts import Attempts
from pytest_ouro.experiment.batch.base import find_data
from pytest_ouro.experiment.batch.recorder import Recorder
from pytest_ouro.experiment.batch.sent_data import demand_sent
from pytest_ouro.experiment.devices.device_lock import hold_devices
from pytest_ouro.experiment.devices.slots import tree_lock
from pytest_ouro.experiment.engines.sender import Sender
from pytest_ouro.experiment.records import record
from pytest_ouro.experiment.steps import preconditions
from pytest_ouro.experiment.steps.evaluate_command import demand_trusted
from pytest_ouro.experiment.steps.jobs import make_data
from pytest_ouro.experiment.supervision.own_process import interrupt_on_term, make_undumpable
from pytest_ouro.experiment.terms import temp_folders
from pytest_ouro.experiment.terms.setup import Setup
from pytest_ouro.messages import experiment as experiment_messages

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable

    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.engine import Case
    from pytest_ouro.experiment.batch.task import Task
    from pytest_ouro.experiment.engines.engine import Engine
    from pytest_ouro.experiment.known import Elsewhere
    from pytest_ouro.experiment.terms.setup import Profile


class Prepared(NamedTuple):
    """What is measured: the ``case`` of the working tree, which is held, its ``experiment`` and the
    ``profile``; ``budget``, in seconds, replaces the bound's unless it is None."""

    case: Case
    experiment: Experiment
    profile: Profile
    budget: float | None


class Opened(NamedTuple):
    """The ``attempts`` on an engine, their ``recorder``, and where they are made: ``elsewhere``, or
    on this machine if that is None."""

    attempts: Attempts
    recorder: Recorder
    elsewhere: Elsewhere | None


def prepare(
    case: Case,
    profile: Profile,
    budget: float | None,
    stack: contextlib.ExitStack,
    say: Callable[[str], None],
) -> Prepared:
    """Complete the records of killed runs, and hold the working tree until ``stack`` is closed, so
    that no other run is made in it; meanwhile TERM interrupts this process. Return what is
    measured, with the case observed again if something changed. Raise OuroError if nothing can be
    recorded or measured."""
    if record.recover(case, say):
        case = case.again()
    preconditions.demand_writable(case)
    if case.trust.blessing_pending:
        paths = (case.trust.lock_path, case.trust.bound_path)
        raise experiment_messages.blessing_not_committed(*map(case.repository.git.word, paths))
    experiment = preconditions.rehearse(case.bound.experiments[profile], budget)
    if experiment.command:
        demand_trusted(case)
    if stack.enter_context(hold_devices([tree_lock(case.evidence.root)], say)):
        case = case.again()  # of the records that were made meanwhile
    stack.enter_context(make_undumpable())  # no candidate may write to the pipes of the workers
    stack.enter_context(interrupt_on_term())
    return Prepared(case, experiment, profile, budget)


def open_engine(
    prepared: Prepared,
    engine: Engine,
    stack: contextlib.ExitStack,
    *,
    say: Callable[[str], None],
    tell: Callable[[Task, str], None],
) -> Opened:
    """Return what makes attempts on an engine. When ``stack`` is closed, those that go on are
    interrupted, recorded if their run had begun, and the engine is closed, also after a further
    Ctrl-C. If runs may be made on this machine, data that is missing here is made first. ``tell``
    is called with a task and a line about it. Raise OuroError if nothing can be measured."""
    case, experiment, profile, budget = prepared
    demand_sent(case, experiment)
    scratch = stack.enter_context(temp_folders.temporary())
    if engine.is_local:
        preconditions.demand_startable(case, experiment)
        make_data(Setup(case, experiment, profile, scratch), say)
    recorder = Recorder(
        case,
        experiment,
        is_local=engine.is_local,
        data=find_data(case, experiment, engine.elsewhere),
        say=say,
    )
    sender = Sender(case, scratch / "base.bundle", profile, budget)
    timeout = experiment.seconds("timeout")
    attempts = Attempts(engine, recorder, sender, case, timeout=timeout, tell=tell)

    def end() -> None:
        try:
            attempts.end_all()
        finally:  # also after another Ctrl-C
            engine.close()
            attempts.forget_all()

    stack.callback(end)
    return Opened(attempts, recorder, engine.elsewhere)
