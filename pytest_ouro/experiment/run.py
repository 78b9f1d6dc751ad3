"""Run a whole experiment: the gate, the supervised run, its verdict and its record."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import dataclass, replace
from pytest_ouro.engine import check_after_run, check_before_run
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.experiment.assurance.level import assure
from pytest_ouro.experiment.devices import device
from pytest_ouro.experiment.devices.slots import hold_place
from pytest_ouro.experiment.records import record
from pytest_ouro.experiment.records.editable import describe_again
from pytest_ouro.experiment.records.integrity import Snapshot
from pytest_ouro.experiment.steps import evaluate_command, preconditions
from pytest_ouro.experiment.steps.checkout import checkout
from pytest_ouro.experiment.steps.jobs import command_job, make_data, script_job
from pytest_ouro.experiment.steps.settle import settle
from pytest_ouro.experiment.supervision.start_process import keep_starter
from pytest_ouro.experiment.supervision.supervisor import supervise
from pytest_ouro.experiment.terms import temp_folders
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.experiment.terms.measurement import outcome
from pytest_ouro.experiment.terms.names import LOG
from pytest_ouro.experiment.terms.setup import Setup
from pytest_ouro.experiment.terms.turns import Turn, make_turns
from pytest_ouro.experiment.verdict import history
from pytest_ouro.experiment.verdict.compare import compare
from pytest_ouro.experiment.verdict.repeats import Repeats, find_repeats
from pytest_ouro.messages.command_line import nothing_judged

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ouro.bound.tables import Device, Level
    from pytest_ouro.core.finding import RuleResult
    from pytest_ouro.core.metric import Metric
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.reasons import Status
    from pytest_ouro.evidence.records.run_record import FinishedRun, MeasuredRun, StartedRun
    from pytest_ouro.experiment.terms.job import Progress
    from pytest_ouro.experiment.terms.measurement import Measurement


@dataclass(frozen=True)
class Result:
    """The result of an experiment: its verdict, its metric and its record.

    ``reason`` is that of the verdict, ``commit`` the full id of the tried commit. ``closed`` holds
    the results of the broken rules if a rule is broken; then nothing was run, ``record`` is None
    and ``level`` is "". ``value`` is the measured metric, None for a crash or without a run; after
    repeats it is their mean. ``best`` is the value of the reference, None if there is none.
    ``peak_vram_mb`` is the peak of memory in MB: of CUDA's or of resident memory, whichever is
    larger. ``record`` is the run's last record in the journal. ``message`` says what went wrong, ""
    if nothing did. ``tail`` are the last lines of output of a crash. ``repeats`` has the values of
    a series, None if there are fewer than two. ``settlement`` and ``notes`` are lines about the
    branch and about earlier runs; ``before`` is one about an earlier run of the same code, or "".
    ``ended_by`` is the exception by which the run was not started, or ended from outside; None for
    every other run.
    """

    reason: Reason
    commit: str
    metric: Metric
    value: float | None = None
    best: float | None = None
    level: Level | Literal[""] = ""
    message: str = ""
    peak_vram_mb: float = 0.0
    record: FinishedRun | None = None
    closed: tuple[RuleResult, ...] = ()
    tail: tuple[str, ...] = ()
    settlement: tuple[str, ...] = ()
    repeats: Repeats | None = None
    notes: tuple[str, ...] = ()
    before: str = ""
    ended_by: BaseException | None = None

    @property
    def status(self) -> Status:
        """The verdict ("keep", "discard" or "crash"), or "closed" if a rule is broken."""
        return self.reason.status

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C or TERM ended the run."""
        return self.reason is Reason.INTERRUPTED

    @property
    def val_bpb(self) -> float | None:
        """The ``value`` (None for a crash) where the metric is val_bpb. Raise AttributeError for
        another metric."""
        if self.metric.name != "val_bpb":
            raise AttributeError(f"the metric is {self.metric.name}: its value is `value`")
        return self.value

    def lines(self, *, quiet: bool = False) -> tuple[str, ...]:
        """Return the lines that are printed before the last line: the notes (not if ``quiet``), the
        broken guards, an earlier run of the same code, the repeats with their warning, and the
        settlement. () if there is nothing to say about any of these."""
        lines = [] if quiet else [*self.notes]
        if self.record:
            lines += [f"ouro: {guard['text']}" for guard in self.record.broken_guards]
        if self.before:
            lines.append(self.before)
        if self.repeats and self.record:
            lines.append(self.repeats.line(self.commit, self.metric))
            lines += [warning] if (warning := self.repeats.warning) else []
        return (*lines, *self.settlement)

    @property
    def last_line(self) -> str:
        """The stable line that people and agents grep for: verdict, value, the reference's value if
        there is one, level if the run was started, commit and reason.

        If a rule is broken, it has only the word "closed", the commit and the reason.
        """
        if self.record is None:
            return f"ouro: closed commit={self.commit[:7]} reason={self.reason}"
        value, best = self.metric.text(self.value), ""
        if self.best is not None:
            value, best = self.metric.texts(self.value, self.best)
            best = f" best={best}"
        level = f" level={self.level}" if self.level else ""  # a run that was not started has none
        return (
            f"ouro: {self.status} {self.metric.name}={value}{best}{level} "
            f"commit={self.commit[:7]} reason={self.record.reason_text}"
        )


@dataclass(frozen=True)
class Order:
    """The options of one call of `run_experiment`.

    ``device`` and ``budget``, in seconds, replace the bound's unless they are None. A shorter
    budget makes the run a rehearsal; one longer than the bound's is refused. ``settle`` says
    whether the verdict is applied to the branch, and ``repeat`` is the number of runs.
    """

    device: Device | None = None
    budget: float | None = None
    settle: bool = False
    repeat: int = 1


def run_experiment(
    case: Case,
    order: Order,
    *,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Result:
    """Check the rules, run the present commit as often as ``order`` says, decide and record, and
    settle the branch if ``order`` says so. Return the result of the last run.

    If a rule is broken, nothing more is run or settled, and the result is "closed". Repeats end
    with the first crash. ``say`` is called with lines about the course, ``progress`` with the
    position of the run. Raise OuroError, mostly ExperimentError, if a run cannot be prepared or
    recorded, or if HEAD moves between repeats; KeyboardInterrupt for Ctrl-C except during the run
    itself.
    """
    commit = ""
    with keep_starter():
        for turn in make_turns(order.repeat):
            if commit:
                case = case.again()
                preconditions.demand_same_head(case, commit)
            result, case = _run_once(case, order, turn, progress, say)
            commit = result.commit
            if result.status == "closed":
                return result
            if result.status == "crash":
                break
            if turn.series:
                value = f"{result.metric.name}={result.metric.text(result.value)}"
                say(f"ouro: repeat {turn.number}/{turn.total} {value}")
    settlement = _settle(case, result, apply=order.settle)
    return replace(_add_history(case, result), settlement=settlement)


def _run_once(
    case: Case,
    order: Order,
    turn: Turn,
    progress: Progress | None,
    say: Callable[[str], None],
) -> tuple[Result, Case]:
    """Run once and record it; return the result, and the case that the run was made with. If a rule
    is broken, nothing is run, and the result is "closed".

    ``case`` is observed again if the run had to wait for its device, if data was made, or if
    records of killed runs were completed. If the process cannot be started, or an exception ends
    the run from outside, the result is a crash. Raise OuroError if a precondition fails, or data or
    a device is missing.
    """
    profile = device.choose(order.device or case.experiment.device)
    experiment = preconditions.rehearse(case.bound.experiments[profile], order.budget)
    if record.recover(case, say):
        case = case.again()
    if closed := _check_gate(case):
        return closed, case
    preconditions.demand_startable(case, experiment)
    preconditions.demand_committed(case)
    preconditions.demand_no_submodule(case)
    preconditions.demand_writable(case)
    with (
        hold_place(profile, experiment.slots, case.evidence.root, say) as place,
        temp_folders.temporary() as scratch,
    ):
        preconditions.demand_room(scratch)
        setup = Setup(case, experiment, profile, scratch, place.cores)
        if make_data(setup, say) or place.waited:
            case = case.again()
            setup = replace(setup, case=case)
            if closed := _check_gate(case):
                return closed, case
        started = record.start(
            setup,
            turn,
            harness=evaluate_command.digest(case, experiment),
            place=device.surroundings(profile, say, place.cores),
            holds=place.names,
        )
        before = ""
        earlier, same_seeds = history.find_same_code(case.evidence.journal.runs(), started)
        if earlier and (turn.number or 1) == 1:
            before = history.describe_same_code(earlier, same_seeds=same_seeds)
            say(before)
        snapshot = Snapshot.take(case, experiment, started)
        try:
            seen, why = _measure(setup, turn, progress)
        except BaseException as error:
            with contextlib.suppress(OuroError):
                for change in snapshot.restore("supervised"):
                    say(f"ouro: {change}")
            return _abandon(case, started, error), case
        seen = replace(seen, findings=(*snapshot.restore(seen.level), *seen.findings))
        measured = record.measured_run(started, seen, level_why=why)
    return replace(_conclude(setup, measured, seen), before=before), case


def _check_gate(case: Case) -> Result | None:
    """Return the result "closed" if a rule is broken, so that nothing is run; None otherwise.

    Raise OuroError if a rule cannot be checked, or if all rules are skipped and the bound has no
    rule about runs, which would be checked later.
    """
    results = check_before_run(case)
    broken = tuple(result for result in results if result.broken)
    after = any(rule.checker.stage in ("run", "ledger") for rule in case.bound.rules)
    if not after and all(result.status == "skipped" for result in results):
        raise nothing_judged([f"{result.id} ({result.reason})" for result in results])
    if not broken:
        return None
    metric = case.experiment.described_metric
    return Result(Reason.RULES_BROKEN, case.repository.head, metric, closed=broken)


def _measure(setup: Setup, turn: Turn, progress: Progress | None) -> tuple[Measurement, str]:
    """Run the commit in a clean working tree, at the highest level that is possible; then evaluate
    it if it is a command.

    Return the measurement, and why the level is not higher ("" for *sandboxed*). If the judge
    rejects the harness, which it does before the script starts, the script is run without judge and
    sandbox.
    """
    case, experiment = setup.case, setup.experiment
    with checkout(case.repository.git, case.repository.head) as tree:
        make = command_job if experiment.command else script_job
        job = turn.apply_salt(make(setup, tree))
        assured = assure(case, experiment, job, tree)
        seen = supervise(assured.job, progress)
        if seen.stopped == "unjudged":  # the script has not been started
            assured = assured.unjudged(seen.unable)
            seen = supervise(assured.job, progress)
        why = assured.why
        if experiment.command:
            seen = evaluate_command.evaluate(setup, assured.job, seen)
            if seen.evaluation and seen.evaluation.exposed:
                why = f"the evaluation {seen.evaluation.exposed}"
        return seen, why


def _abandon(case: Case, started: StartedRun, error: BaseException) -> Result:
    """Record a run that ``error`` ended, and return its result, a crash.

    An OuroError or OSError kept its process from being started ("not-started"). Any other exception
    ended the run from outside ("interrupted"), such as Ctrl-C or the failure of another plugin.
    Raise RecordError if the run cannot be recorded.
    """
    outcome: Literal["not-started", "interrupted"] = "interrupted"
    message = f"ended from outside by {type(error).__name__}: {error}".removesuffix(": ")
    if isinstance(error, OuroError | OSError):
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
    measured = replace(measured, outcome=ended)
    broken = [result for result in check_after_run(case.again(measured=measured)) if result.broken]
    if ended == "ok" and broken:
        ended, message = "breach", f"{broken[0].rule}: {broken[0].findings[0].headline}"
    value = measured.measured_value if ended == "ok" else None
    run = compare(
        case.evidence.journal.runs(),
        case.repository.history,
        replace(measured, outcome=ended, value=value),
        experiment=experiment,
        rule=case.bound.verdicts[setup.profile],
        guards=case.bound.guards,
        describe_again=partial(describe_again, case),
    )
    rules = tuple(result.rule for result in broken)
    message = message or run.message
    run = record.finish(case, replace(run, message=message, findings=rules))
    record.archive(case, case.bound.path(LOG), run.run)
    return Result(
        run.reason,
        run.commit,
        metric,
        value=run.value,
        best=run.best,
        level=seen.level,
        message=message,
        peak_vram_mb=seen.peak_mb,
        record=run,
        tail=seen.tail if run.status == "crash" else (),
    )


def _add_history(case: Case, result: Result) -> Result:
    """Return ``result`` with notes on comparable runs, and with its repeats, whose mean replaces
    ``value`` unless the last run crashed.

    With fewer than two comparable repeats, ``repeats`` is None and ``value`` stays.
    """
    assert result.record is not None
    runs = case.evidence.journal.runs()
    lines = history.notes(result.record, runs)
    repeats = find_repeats(runs, result.record.series)
    value = result.value if result.value is None or repeats is None else repeats.mean
    return replace(result, value=value, repeats=repeats, notes=lines)


def _settle(case: Case, result: Result, *, apply: bool) -> tuple[str, ...]:
    """Settle the branch, or with ``apply`` False only say how; return the lines about it.

    Return () after a keep, or if the run's commit is the incumbent. After a rehearsal, or a run
    that was interrupted or not started, the branch stays, and a line says why if ``apply`` is true.
    If nothing is kept yet, the branch stays, and a line says so.
    """
    if why := result.reason.unsettled:
        return (f"ouro: not settled: {why}",) if apply else ()
    if result.status == "keep":
        return ()
    assert result.record is not None
    target = result.record.incumbent
    if target is None:
        return ("ouro: nothing is kept on this line of commits yet: fix it and run again",)
    if target == result.commit:
        return ()
    return settle(case, target=target, tried=result.record.tried, apply=apply)
