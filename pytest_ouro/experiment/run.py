"""A whole experiment: the gate, one supervised run, its verdict, its record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.metric import Metric
from pytest_ouro.engine import judge_after_run, judge_before_run
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.experiment.assurance.level import assure
from pytest_ouro.experiment.devices import device
from pytest_ouro.experiment.devices.device_lock import device_held
from pytest_ouro.experiment.records import record
from pytest_ouro.experiment.records.integrity import Before
from pytest_ouro.experiment.steps import evaluate_command, preconditions
from pytest_ouro.experiment.steps.checkout import checkout
from pytest_ouro.experiment.steps.jobs import command_job, make_data, script_job
from pytest_ouro.experiment.steps.settle import settle
from pytest_ouro.experiment.supervision.supervisor import supervise
from pytest_ouro.experiment.terms.measurement import outcome
from pytest_ouro.experiment.terms.names import LOG
from pytest_ouro.experiment.verdict.compare import compare, measured_before
from pytest_ouro.experiment.verdict.conditions import comparable
from pytest_ouro.experiment.verdict.repeats import Repeats, Turn, of_series, salted, turns
from pytest_ouro.experiment.verdict.summary import notes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ouro.bound.tables import Device, Experiment, Level
    from pytest_ouro.core.finding import RuleResult
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.reasons import Status
    from pytest_ouro.evidence.records.run_record import FinishedRun, MeasuredRun, StartedRun
    from pytest_ouro.experiment.terms.job import Progress
    from pytest_ouro.experiment.terms.measurement import Measurement

Profile = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Result:
    """What an experiment came to. ``best`` is the value of the commit that it was compared with,
    the last keep that its branch stood on, if there was one.

    ``closed`` holds the broken rules that kept it from running; then nothing was measured.
    ``value`` is the measured metric, None for a crash; after ``repeats`` it is their mean.
    ``record`` is the journal's last line.
    ``settlement`` says what was done with the branch, or how a person does it; ``before`` where the
    same code was measured earlier.
    """

    status: Status
    reason: Reason
    commit: str = ""
    value: float | None = None
    best: float | None = None
    level: Level | Literal[""] = ""
    message: str = ""
    peak_vram_mb: float = 0.0
    record: FinishedRun | None = None
    closed: tuple[RuleResult, ...] = ()
    tail: tuple[str, ...] = ()
    settlement: tuple[str, ...] = ()
    interrupted: bool = False
    repeats: Repeats | None = None
    notes: tuple[str, ...] = ()
    before: str = ""

    def told(self, *, quiet: bool = False) -> tuple[str, ...]:
        """What is said before the last line."""
        repeated: tuple[str, ...] = ()
        if self.repeats and self.record:
            repeated = (self.repeats.line(self.commit, self.record.metric),)
        before = (self.before,) if self.before else ()
        return (*(() if quiet else self.notes), *before, *repeated, *self.settlement)

    @property
    def val_bpb(self) -> float | None:
        """The value, by the name under which it is printed and recorded."""
        return self.value

    @property
    def last_line(self) -> str:
        """The stable line that people and agents grep for."""
        if self.status == "closed":
            return f"ouro: closed commit={self.commit[:7]} reason={self.reason}"
        assert self.record is not None
        text = self.record.metric.text
        best = "" if self.best is None else f" best={text(self.best)}"
        return (
            f"ouro: {self.status} val_bpb={text(self.value)}{best} level={self.level} "
            f"commit={self.commit[:7]} reason={self.reason}"
        )


@dataclass(frozen=True)
class Order:
    """What was asked for beside the bound: another device, a shorter budget (a rehearsal), how many
    runs of the commit, and whether the verdict is applied to the branch."""

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
    """Judge, run, decide, record. ExperimentError where no run can be started at all.

    ``say`` is told in a line what is waited for; ``progress`` where the run stands. Repeats end
    with the first run that is no lawful measurement.
    """
    commit = ""
    for turn in turns(order.repeat):
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
            value = Metric.named(case.experiment.metric).text(result.value)
            say(f"ouro: repeat {turn.number}/{turn.of} val_bpb={value}")
    settlement = _settlement(case, result, apply=order.settle)
    return replace(_together(case, result), settlement=settlement)


def _run_once(
    case: Case,
    order: Order,
    turn: Turn,
    progress: Progress | None,
    say: Callable[[str], None],
) -> tuple[Result, Case]:
    """One run; also the case it was judged by, which is a later one where it had to wait."""
    profile = device.choose(order.device or case.experiment.device)
    full = case.bound.experiments[profile]
    experiment = preconditions.rehearse(full, order.budget)
    if record.recover(case, say):
        case = case.again()
    if closed := _gate(case):
        return closed, case
    preconditions.demand_committed(case)
    preconditions.demand_no_submodule(case)
    preconditions.demand_writable(case)
    rehearsal = experiment.budget < full.budget
    holds = device.lock_names(profile)
    with (
        device_held(holds, say) as waited,
        preconditions.scratch_folder() as scratch,
    ):
        made = make_data(case, experiment, profile=profile, scratch=scratch, say=say)
        if (made or waited) and (closed := _gate(case := case.again())):
            return closed, case
        place = device.surroundings(profile, say)
        started = record.start(
            case,
            experiment,
            harness=evaluate_command.digest(case, experiment),
            profile=profile,
            rehearsal=rehearsal,
            device_name=place.device_name,
            foreign=place.foreign,
            holds=holds,
            salt=turn.salt,
            repeat=turn.number,
            repeats=turn.of,
            series=turn.series,
        )
        if told := _measured_before(case, started):
            say(told)
        before = Before.look(case, experiment, started)
        seen, why = _measure(case, experiment, profile, scratch, started, progress)
        seen = replace(seen, findings=(*before.mended(seen.level), *seen.findings))
        measured = record.measured_run(started, seen, level_why=why)
    return replace(_conclude(case, experiment, profile, measured, seen), before=told), case


def _measured_before(case: Case, started: StartedRun) -> str:
    """A line that says which run measured this code before; "" where none did."""
    run, same = measured_before(case.evidence.journal.runs(), started)
    if run is None or (started.repeat or 1) > 1:
        return ""
    what = "this code" if same else "this code, but for its seeds,"
    return (
        f"ouro: {what} was measured before: commit {run.commit[:7]} "
        f"{run.metric.name}={run.metric.text(run.mean_or_value)} {run.status} ({run.reason})"
    )


def _together(case: Case, result: Result) -> Result:
    """The result with what the journal says of it and the runs before: repeats, memory, gain."""
    assert result.record is not None
    runs = case.evidence.journal.runs()
    told = notes(result.record, [run for run in runs if comparable(run, result.record)])
    found = of_series(runs, result.record.series)
    if found is None:
        return replace(result, notes=told)
    value = None if result.value is None else found.mean
    return replace(result, value=value, repeats=found, notes=told)


def _gate(case: Case) -> Result | None:
    """The result of a broken rule: no run. None where every rule holds."""
    broken = tuple(judgement for judgement in judge_before_run(case) if judgement.broken)
    if not broken:
        return None
    return Result("closed", Reason.RULES_BROKEN, commit=case.repository.head, closed=broken)


def _measure(
    case: Case,
    experiment: Experiment,
    profile: Profile,
    scratch: Path,
    started: StartedRun,
    progress: Progress | None,
) -> tuple[Measurement, str]:
    """Run the candidate in a clean worktree, at the highest level there is; also says why it is
    no higher. A run that could not begin is recorded as a crash."""
    try:
        with checkout(case.repository.git, case.repository.head) as tree:
            make = command_job if experiment.command else script_job
            job = make(case, experiment, profile=profile, tree=tree, scratch=scratch)
            job = replace(salted(job, started.salt), rehearsal=started.rehearsal)
            assured = assure(case, experiment, job, tree=tree, profile=profile)
            seen = supervise(assured.job, progress)
            if seen.stopped == "unjudged":  # before the script was let go
                assured = assured.unjudged(seen.unable)
                seen = supervise(assured.job, progress)
            if experiment.command:
                seen = evaluate_command.evaluated(case, experiment, job, seen)
            return seen, assured.why
    except BaseException:
        record.abandon(case, started, "not-started", tried=started.tried_ref)
        raise


def _conclude(
    case: Case, experiment: Experiment, profile: Profile, measured: MeasuredRun, seen: Measurement
) -> Result:
    """Turn the measurement into a verdict and write it down, before anything else happens."""
    ended, message = outcome(seen, metric=measured.metric, script=experiment.program)
    if ended == "ok" and profile == "cuda" and seen.environment.get("device") == "cpu":
        ended, message = "breach", "the run was to use CUDA, but torch saw no CUDA device"
    broken = [j for j in judge_after_run(case.again(measured=measured)) if j.broken]
    if ended == "ok" and broken:
        ended, message = "breach", f"{broken[0].rule}: {broken[0].findings[0].headline}"
    value = measured.measured_value if ended == "ok" else None
    run = compare(
        case.evidence.journal.runs(),
        case.repository.history,
        replace(measured, outcome=ended, value=value),
        experiment=experiment,
        rule=case.bound.verdicts[profile],
    )
    rules = tuple(judgement.rule for judgement in broken)
    run = record.finish(case, replace(run, message=message, findings=rules))
    record.archive(case, case.repository.git.top / case.bound.root / LOG, run.run)
    return Result(
        run.status,
        run.reason,
        commit=run.commit,
        value=run.value,
        best=run.best,
        level=seen.level,
        message=message,
        peak_vram_mb=seen.peak_mb,
        record=run,
        tail=seen.tail if run.status == "crash" else (),
        interrupted=ended == "interrupted",
    )


def _settlement(case: Case, result: Result, *, apply: bool) -> tuple[str, ...]:
    """What is to be done with the branch after the verdict, and was done if it was asked for."""
    if why := result.reason.unsettled:
        return (f"ouro: not settled: {why}",) if apply else ()
    if result.status == "keep":
        return ()
    assert result.record is not None
    target = result.record.incumbent
    if target is None:
        return ("ouro: nothing is kept on this line of commits yet: mend it and run again",)
    if target == result.commit:
        return ()
    settled = settle(case, target=target, tried=result.record.tried, apply=apply)
    return (settled.refused, settled.text) if settled.refused else (settled.text,)
