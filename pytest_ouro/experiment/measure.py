"""Measure one commit: check the rules, run it supervised, decide on it and record it."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Literal, cast

from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.engine import check_after_run, check_before_run
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.experiment.assurance.level import assure
from pytest_ouro.experiment.devices import device as devices
from pytest_ouro.experiment.devices.slots import hold_place
from pytest_ouro.experiment.devices.speed import combine, probe_speed
from pytest_ouro.experiment.known import answer_from_record
from pytest_ouro.experiment.records import record, row_files
from pytest_ouro.experiment.records.editable import describe_again
from pytest_ouro.experiment.records.heartbeat import Beating
from pytest_ouro.experiment.records.integrity import Snapshot
from pytest_ouro.experiment.result import Result
from pytest_ouro.experiment.steps import evaluate_command, preconditions
from pytest_ouro.experiment.steps.checkout import checkout
from pytest_ouro.experiment.steps.jobs import command_job, make_data, script_job
from pytest_ouro.experiment.supervision.supervisor import supervise
from pytest_ouro.experiment.terms import temp_folders
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.experiment.terms.measurement import outcome
from pytest_ouro.experiment.terms.names import LOG
from pytest_ouro.experiment.terms.setup import Setup
from pytest_ouro.experiment.verdict import history
from pytest_ouro.experiment.verdict.compare import compare
from pytest_ouro.messages import command_line as messages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pytest_ouro.bound.tables import Device, Experiment, Level
    from pytest_ouro.core.metric import Metric
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.run_record import FinishedRun, MeasuredRun, StartedRun
    from pytest_ouro.experiment.terms.job import Progress
    from pytest_ouro.experiment.terms.measurement import Measurement
    from pytest_ouro.experiment.terms.setup import Profile
    from pytest_ouro.experiment.terms.turns import Turn

#: The purposes of runs around which the speed of the machine is measured.
_PROBED = ("pair", "calibrate")


class _Unevaluated(Exception):
    """Raised if the evaluation of a command that has run cannot be started; ``__cause__`` says
    why."""


def measure_commit(
    case: Case,
    turn: Turn,
    *,
    device: Device | None = None,
    budget: float | None = None,
    again: bool = True,
    hidden: tuple[Path, ...] = (),
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda text: None,
    begin: Callable[[StartedRun], None] = lambda run: None,
) -> tuple[Result, Case]:
    """Run the checked commit of a case once and record the run; return the result, and the case
    that the run was made with. If a rule is broken, nothing is run, and the result is "closed".

    ``device`` and ``budget``, in seconds, replace the bound's unless they are None. ``turn`` says
    what the run is for. Without ``again``, code that was measured before is not run if an earlier
    run answers (`answer_from_record`). ``hidden`` are folders that a sandbox hides beside the
    repository. ``progress`` is called with the position of the run, ``say`` with lines about its
    course, and ``begin`` with the record of the start, before there is a process; what it raises is
    raised.

    ``case`` is observed again if the run had to wait for its device, if data was made, or if
    records of killed runs were completed. If the process cannot be started, or an exception ends
    the run from outside, the result is a crash. Raise OuroError if a precondition fails, or data or
    a device is missing.
    """
    profile = devices.choose(device or case.experiment.device)
    experiment = preconditions.rehearse(case.bound.experiments[profile], budget)
    if record.recover(case, say):
        case = case.again()
    if closed := check_gate(case):
        return closed, case
    preconditions.demand_startable(case, experiment)
    preconditions.demand_committed(case)
    preconditions.demand_no_submodule(case)
    preconditions.demand_writable(case)
    if not again and (known := answer_from_record(case, experiment, profile, say)):
        return known, case
    with (
        hold_place(profile, experiment.slots, case.evidence.root, say) as place,
        temp_folders.temporary() as scratch,
    ):
        preconditions.demand_room(scratch)
        setup = Setup(case, experiment, profile, scratch, place.cores, hidden)
        if make_data(setup, say) or place.waited:
            case = case.again()
            setup = replace(setup, case=case)
            if closed := check_gate(case):
                return closed, case
        described = record.describe(
            setup,
            turn,
            harness=evaluate_command.digest(case, experiment),
            place=devices.surroundings(profile, say, place.cores),
            holds=place.names,
        )
        started = record.start(case, described)
        begin(started)
        before = ""
        earlier, same_seeds = history.find_same_code(case.evidence.journal.runs(), started)
        if earlier and turn.purpose == "search" and (turn.number or 1) == 1:
            before = history.describe_same_code(earlier, same_seeds=same_seeds)
            say(before)
        snapshot = Snapshot.take(case, experiment, started)
        try:
            probed = turn.purpose in _PROBED
            speeds = [probe_speed()] if probed else []
            with Beating(case.evidence.journal, started, progress) as beating:
                seen, why = _measure(setup, turn, beating)
            speeds += [probe_speed()] if probed else []
        except BaseException as error:
            with contextlib.suppress(OuroError):
                for change in snapshot.restore("supervised"):
                    say(f"ouro: {change}")
            return _abandon(case, started, error), case
        seen = replace(seen, findings=(*snapshot.restore(seen.level), *seen.findings))
        measured = record.measured_run(started, seen, level_why=why)
        measured = replace(measured, speed=combine(speeds))
    measured = row_files.store(case.evidence.journal, measured, seen.losses, say)
    return replace(_conclude(setup, measured, seen), before=before), case


def check_gate(case: Case) -> Result | None:
    """Return the result "closed" if a rule is broken, so that nothing is run; None otherwise.

    Raise OuroError if a rule cannot be checked, or if no rule would ever be applied: all are
    skipped now, and none is about runs or records, to be checked after the run.
    """
    results = check_before_run(case)
    broken = tuple(result for result in results if result.broken)
    after = any(rule.checker.stage in ("run", "ledger") for rule in case.bound.rules)
    if not after and all(result.status == "skipped" for result in results):
        raise messages.nothing_judged([f"{result.id} ({result.reason})" for result in results])
    if not broken:
        return None
    metric = case.experiment.described_metric
    return Result(Reason.RULES_BROKEN, case.repository.head, metric, closed=broken)


def _measure(setup: Setup, turn: Turn, beating: Beating) -> tuple[Measurement, str]:
    """Run the commit in a clean working tree, at the highest level that is possible, and show its
    position to ``beating``; then evaluate it if it is a command. Raise _Unevaluated if the
    evaluation cannot be started.

    Return the measurement, and why the level is not higher ("" for *sandboxed*). If the judge
    rejects the harness, which it does before the script starts, the script is run without judge and
    sandbox.
    """
    case, experiment = setup.case, setup.experiment
    with checkout(case.repository.git, case.repository.head) as tree:
        make = command_job if experiment.command else script_job
        job = turn.apply_salt(make(setup, tree))
        assured = assure(case, experiment, job, tree, case.bound.verdicts[setup.profile])
        seen = supervise(assured.job, beating.show)
        if seen.stopped == "unjudged":  # the script has not been started
            assured = assured.unjudged(seen.unable)
            seen = supervise(assured.job, beating.show)
        why = assured.why
        if experiment.command:
            beating.evaluate()
            try:
                seen = evaluate_command.evaluate(setup, assured.job, seen)
            except (OuroError, OSError) as error:
                raise _Unevaluated from error
            if seen.evaluation and seen.evaluation.exposed:
                why = f"the evaluation {seen.evaluation.exposed}"
        return seen, why


def _abandon(case: Case, started: StartedRun, error: BaseException) -> Result:
    """Record a run that ``error`` ended, and return its result, a crash.

    An OuroError or OSError kept its process from being started ("not-started"). Any other exception
    ended the run from outside ("interrupted"), such as Ctrl-C or the failure of another plugin; so
    did what kept a command's evaluation from being started (_Unevaluated), as the command might
    have brought that about. Raise RecordError if the run cannot be recorded.
    """
    outcome: Literal["not-started", "interrupted"] = "interrupted"
    message = f"ended from outside by {type(error).__name__}: {error}".removesuffix(": ")
    if isinstance(error, _Unevaluated) and error.__cause__ is not None:
        error = error.__cause__
        message = f"the evaluation could not be started: {error}".split("\n", 1)[0]
    elif isinstance(error, OuroError | OSError):
        outcome, message = "not-started", str(error).split("\n", 1)[0]
    message = clean(message, width=400)
    run = record.abandon(case, started, outcome, tried=started.tried_ref, message=message)
    metric = case.experiment.described_metric
    return Result(run.reason, run.commit, metric, message=message, record=run, ended_by=error)


def _conclude(setup: Setup, measured: MeasuredRun, seen: Measurement) -> Result:
    """Decide on the measurement, record the verdict, copy the log, and return the result.

    A run that otherwise succeeded is a breach, which is a crash, if it was to use "cuda" and used
    the CPU, or if a rule is broken that is checked after a run. Raise OuroError if a rule cannot be
    checked, or the verdict cannot be recorded.
    """
    case, experiment = setup.case, setup.experiment
    metric = experiment.described_metric
    ended, message = outcome(seen, metric)
    if ended == "ok" and setup.profile == "cuda" and seen.environment.get("device") == "cpu":
        ended, message = "breach", "the run was to use CUDA, but torch saw no CUDA device"
    run = decide(case, experiment, replace(measured, outcome=ended), message)
    run = record.finish(case, run)
    record.archive(case, case.bound.path(LOG), run.run)
    return make_result(run, metric, tail=seen.tail)


def decide(case: Case, experiment: Experiment, measured: MeasuredRun, message: str) -> FinishedRun:
    """Return a measured run, whose ``outcome`` is set, with its verdict; nothing is recorded.

    ``message`` says why the outcome is not "ok". A run that is "ok" is a breach if a rule is broken
    that is checked after a run. Raise OuroError if a rule cannot be checked.
    """
    ended = measured.outcome
    broken = [result for result in check_after_run(case.again(measured=measured)) if result.broken]
    if ended == "ok" and broken:
        ended, message = "breach", f"{broken[0].rule}: {broken[0].findings[0].headline}"
    value = measured.measured_value if ended == "ok" else None
    run = compare(
        case.evidence.journal.runs(),
        case.repository.history,
        replace(measured, outcome=ended, value=value),
        experiment=experiment,
        rule=case.bound.verdicts[cast("Profile", measured.device)],
        guards=case.bound.guards,
        statements=case.evidence.journal.statements(),
        describe_again=partial(describe_again, case),
    )
    rules = tuple(result.rule for result in broken)
    return replace(run, message=message or run.message, findings=rules)


def make_result(run: FinishedRun, metric: Metric, *, tail: Sequence[str] = ()) -> Result:
    """Return the result of a recorded run; ``tail`` are the last lines of its output, which a crash
    shows."""
    return Result(
        run.reason,
        run.commit,
        metric,
        value=run.value,
        best=run.best,
        level=cast("Level | None", run.level) or "",
        message=run.message,
        peak_vram_mb=run.peak_mb or 0.0,
        record=run,
        tail=tuple(tail) if run.status == "crash" else (),
    )
