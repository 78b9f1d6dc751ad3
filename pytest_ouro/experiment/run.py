"""A whole experiment: the gate, one supervised run, its verdict, its record."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal

from pytest_ouro.engine import judge_after_run, judge_before_run
from pytest_ouro.evidence.records.verdicts import value_of
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

    from pytest_ouro.bound.tables import Device, Experiment
    from pytest_ouro.core.finding import RuleResult
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.journal import Record
    from pytest_ouro.experiment.terms.job import Progress
    from pytest_ouro.experiment.terms.measurement import Measurement

#: Lines of a summary that a record keeps.
MAX_CLAIMS = 40
#: By its reason, why a run says nothing about the branch.
_UNDECIDED = {
    "rehearsal": "a rehearsal decides nothing",
    "interrupted": "the run was interrupted",
}

Profile = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Result:
    """What an experiment came to. ``best`` is the value of the commit that it was compared with,
    the last keep that its branch stood on, if there was one.

    ``closed`` holds the broken rules that kept it from running; then nothing was measured.
    ``val_bpb`` is the measured metric, None for a crash; ``record`` the journal's last line. After
    ``repeats`` it is their mean.
    ``settlement`` says what was done with the branch, or how a person does it; ``before`` where the
    same code was measured earlier.
    """

    status: Literal["keep", "discard", "crash", "closed"]
    reason: str
    commit: str = ""
    val_bpb: float | None = None
    best: float | None = None
    level: str = ""
    message: str = ""
    peak_vram_mb: float = 0.0
    record: Record | None = None
    closed: tuple[RuleResult, ...] = ()
    tail: tuple[str, ...] = ()
    settlement: tuple[str, ...] = ()
    interrupted: bool = False
    repeats: Repeats | None = None
    notes: tuple[str, ...] = ()
    before: str = ""

    def told(self, *, quiet: bool = False) -> tuple[str, ...]:
        """What is said before the last line."""
        repeated = (self.repeats.line(self.commit),) if self.repeats else ()
        before = (self.before,) if self.before else ()
        return (*(() if quiet else self.notes), *before, *repeated, *self.settlement)

    @property
    def last_line(self) -> str:
        """The stable line that people and agents grep for."""
        if self.status == "closed":
            return f"ouro: closed commit={self.commit[:7]} reason={self.reason}"
        value = "0.000000" if self.val_bpb is None else f"{self.val_bpb:.6f}"
        best = "" if self.best is None else f" best={self.best:.6f}"
        return (
            f"ouro: {self.status} val_bpb={value}{best} level={self.level} "
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
            say(f"ouro: repeat {turn.number}/{turn.of} val_bpb={result.val_bpb:.6f}")
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
        further = {**turn.facts, **device.surroundings(profile, say)}
        further["holds"] = holds
        facts = record.start(
            case,
            experiment,
            harness=evaluate_command.digest(case, experiment),
            profile=profile,
            rehearsal=rehearsal,
            **further,
        )
        if told := _measured_before(case, facts):
            say(told)
        before = Before.look(case, experiment, facts)
        seen, why = _measure(case, experiment, profile, scratch, facts, progress)
        seen = replace(seen, findings=(*before.mended(seen.level), *seen.findings))
        facts["level_why"] = why
    return replace(_conclude(case, experiment, profile, facts, seen), before=told), case


def _measured_before(case: Case, facts: Record) -> str:
    """A line that says which run measured this code before; "" where none did."""
    found = measured_before(list(case.evidence.journal.runs()), facts)
    if found is None or facts.get("repeat", 1) > 1:
        return ""
    run, key = found
    what = "this code" if key == "code_meaning" else "this code, but for its seeds,"
    return (
        f"ouro: {what} was measured before: commit {run['commit'][:7]} "
        f"{run['metric']}={value_of(run):.6f} {run['status']} ({run['reason']})"
    )


def _together(case: Case, result: Result) -> Result:
    """The result with what the journal says of it and the runs before: repeats, memory, gain."""
    assert result.record is not None
    runs = list(case.evidence.journal.runs())
    told = notes(result.record, [run for run in runs if comparable(run, result.record)])
    found = of_series(runs, result.record.get("series", ""))
    if found is None:
        return replace(result, notes=told)
    value = None if result.val_bpb is None else found.mean
    return replace(result, val_bpb=value, repeats=found, notes=told)


def _gate(case: Case) -> Result | None:
    """The result of a broken rule: no run. None where every rule holds."""
    broken = tuple(judgement for judgement in judge_before_run(case) if judgement.broken)
    if not broken:
        return None
    return Result("closed", "rules-broken", commit=case.repository.head, closed=broken)


def _measure(
    case: Case,
    experiment: Experiment,
    profile: Profile,
    scratch: Path,
    facts: Record,
    progress: Progress | None,
) -> tuple[Measurement, str]:
    """Run the candidate in a clean worktree, at the highest level there is; also says why it is
    no higher. A run that could not begin is recorded as a crash."""
    try:
        with checkout(case.repository.git, case.repository.head) as tree:
            make = command_job if experiment.command else script_job
            job = make(case, experiment, profile=profile, tree=tree, scratch=scratch)
            job = replace(salted(job, facts["salt"]), rehearsal=facts["rehearsal"])
            assured = assure(case, experiment, job, tree=tree, profile=profile)
            seen = supervise(assured.job, progress)
            if seen.stopped == "unjudged":  # before the script was let go
                assured = assured.unjudged(seen.unable)
                seen = supervise(assured.job, progress)
            if experiment.command:
                seen = evaluate_command.evaluated(case, experiment, job, seen)
            return seen, assured.why
    except BaseException:
        record.abandon(case, facts, "not-started")
        raise


def _conclude(
    case: Case, experiment: Experiment, profile: Profile, facts: Record, seen: Measurement
) -> Result:
    """Turn the measurement into a verdict and write it down, before anything else happens."""
    ended, message = outcome(seen, metric=experiment.metric, script=experiment.program)
    if ended == "ok" and profile == "cuda" and seen.environment.get("device") == "cpu":
        ended, message = "breach", "the run was to use CUDA, but torch saw no CUDA device"
    facts = {**facts, **_measured(seen, experiment)}
    facts["device_name"] = seen.environment.get("device_name") or facts["device_name"]
    broken = [j for j in judge_after_run(case.again(measured=facts)) if j.broken]
    if ended == "ok" and broken:
        ended, message = "breach", f"{broken[0].rule}: {broken[0].findings[0].headline}"
    facts["outcome"] = ended
    facts["val_bpb"] = seen.value if ended == "ok" else None
    runs, rule = list(case.evidence.journal.runs()), case.bound.verdicts[profile]
    verdict, compared = compare(
        runs, case.repository.history, facts, experiment=experiment, rule=rule
    )
    written = record.finish(
        case,
        facts,
        {
            "status": verdict.status,
            "reason": verdict.reason,
            **compared,
            "message": message,
            "findings": [judgement.rule for judgement in broken],
        },
    )
    record.archive(case, case.repository.git.top / case.bound.root / LOG, facts["run"])
    return Result(
        verdict.status,
        verdict.reason,
        commit=facts["commit"],
        val_bpb=facts["val_bpb"],
        best=compared["best"],
        level=seen.level,
        message=message,
        peak_vram_mb=seen.peak_mb,
        record=written,
        tail=seen.tail if verdict.status == "crash" else (),
        interrupted=ended == "interrupted",
    )


def _settlement(case: Case, result: Result, *, apply: bool) -> tuple[str, ...]:
    """What is to be done with the branch after the verdict, and was done if it was asked for."""
    if why := _UNDECIDED.get(result.reason):
        return (f"ouro: not settled: {why}",) if apply else ()
    if result.status == "keep":
        return ()
    assert result.record is not None
    target = result.record["incumbent"]
    if target is None:
        return ("ouro: nothing is kept on this line of commits yet: mend it and run again",)
    if target == result.commit:
        return ()
    settled = settle(case, target=target, tried=result.record["tried"], apply=apply)
    return (settled.refused, settled.text) if settled.refused else (settled.text,)


def _measured(seen: Measurement, experiment: Experiment) -> Record:
    """A measurement as the journal keeps it."""
    window = seen.window_seconds
    judged = seen.evaluation.claims if seen.evaluation else {}
    return {
        "python": seen.environment.get("python", ""),
        "torch": seen.environment.get("torch", ""),
        "level": seen.level,
        "judgment": None if seen.judgment is None else _numbers(asdict(seen.judgment)),
        "rows": seen.judgment.rows if seen.judgment else None,
        "caught": list(seen.findings),
        "value": seen.value if seen.value is not None and math.isfinite(seen.value) else None,
        "evaluations": seen.evaluations,
        "claimed": seen.claim(experiment.metric),
        "claim_agrees": seen.agrees(experiment.metric),
        "window_seconds": None if window is None else round(window, 3),
        "charged_seconds": round(seen.charged_seconds, 3),
        "wall_seconds": round(seen.wall_seconds, 3),
        "cpu_seconds": round(seen.cpu_seconds, 3),
        "peak_mb": round(seen.peak_mb, 1),
        "claims": dict(list(seen.claims.items())[:MAX_CLAIMS]),
        "evaluated": dict(list(judged.items())[:MAX_CLAIMS]),
    }


def _numbers(facts: Record) -> Record:
    """The same with None for what is no finite number: JSON has none of those."""
    return {name: value if math.isfinite(value) else None for name, value in facts.items()}
