"""Collect the facts of a brief, which is limited in size, so that it fits into an agent's context
whatever a night was like."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, TypedDict

from pytest_ouro.bound.read import NAME
from pytest_ouro.evidence.records.verdicts import noise_explains
from pytest_ouro.experiment.selection.selection import explain
from pytest_ouro.experiment.steps.night_end import certify_command, option_of
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.report.runs.why import explain_verdict
from pytest_ouro.report.standing import count

if TYPE_CHECKING:
    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.evidence.records.statement import Statement
    from pytest_ouro.report.standing import Count, Limited, Standing, Step

#: The version of the JSON: keys may be added, none changes its meaning.
VERSION = 1
#: The most tries, keeps and other entries that are listed.
_TRIES, _KEEPS, _FEW = 60, 8, 5
_RESUME = (
    "nothing needs to be repeated after a restart: read this again. A run whose supervisor was "
    "killed is recorded as a crash by the next one."
)
_REPEAT = (
    "keeps may be luck: the certificate at the end measures them together, and pytest "
    "--ouro-confirm COMMIT one of them, on fresh pairs of runs. --ouro-repeat 3 runs one commit "
    "three times with other seeds and decides on the mean."
)


class RunEntry(TypedDict):
    """The facts that a brief states of any run. ``value`` is its metric, or the mean of the repeats
    that it ended; None without a lawful measurement. ``shown`` is the value as text."""

    commit: str
    description: str
    value: float | None
    shown: str
    time: str


class KeepEntry(RunEntry):
    """The facts that a brief states of a keep, with its ``state``, its level, its memory in MB and
    its number of runs. ``is_head``: its commit is HEAD. ``is_code``: it is the last keep, and the
    editable files of HEAD are the same as in its commit."""

    state: str
    level: str | None
    peak_mb: float | None
    runs: int
    is_head: bool
    is_code: bool


class TryEntry(RunEntry):
    """The facts that a brief states of any finished run: also its verdict (``status`` and
    ``reason``), ``why`` in words, its ``gain``, the commit that it was compared with (``on``), the
    ``state`` of a keep (otherwise "") with ``state_why`` in words ("" while it is provisional),
    whether it is a rehearsal, its working tree ("": the main one), and the conditions in which it
    differs from the last keep."""

    on: str | None
    status: str
    reason: str
    why: str
    gain: float | None
    rehearsal: bool
    worktree: str
    differs: str
    state: str
    state_why: str


class ResultEntry(TypedDict):
    """What a certificate or a confirmation (``event``) of ``commit`` against ``baseline`` came to:
    its ``result``, "unfinished" while it has none, its numbers (None without a result), which
    ``shown`` states as text, the number of ``pairs``, ``why`` in words, and what to do ``then``."""

    event: str
    result: str
    commit: str
    baseline: str
    gain: float | None
    low: float | None
    claimed: float | None
    detectable: float | None
    pairs: int
    shown: str
    why: str
    then: str


class FaultEntry(TypedDict):
    """Why no run can start; ``rule`` is "" for another error than a broken rule."""

    rule: str
    headline: str
    help: str


class GateEntry(TypedDict):
    """Whether a run can start (``open``), and the reasons if it cannot (``faults``)."""

    open: bool
    faults: list[FaultEntry]


class Facts(TypedDict):
    """The facts of a brief, which are the keys of ``pytest-ouro brief --json``.

    Its lists are short; ``tried`` has the newest 60 runs at most, newest first, and ``left_out``
    counts the others. Runs for another purpose, such as the pairs of a certificate, are not in it,
    except for the placebos of a night that is over. A number or an entry that is not known is None,
    a text is "".
    """

    brief: int
    experiment: str
    editable: list[str]
    metric: str
    direction: str
    budget: float
    branch: str
    head: str
    best: KeepEntry | None
    best_ever: KeepEntry | None
    elsewhere: str
    gate: GateEntry
    not_committed: list[str]
    noise: float | None
    margin: float | None
    noise_explains: float | None
    guards: list[Limited]
    count: Count
    tally: str
    placebos: str
    results: list[ResultEntry]
    kept: list[KeepEntry]
    tried: list[TryEntry]
    left_out: int
    next: Step
    resume: str
    repeat: str


def collect(standing: Standing) -> Facts:
    """Return the facts of a brief about the experiment whose state ``standing`` has."""
    case, best = standing.case, standing.best
    experiment, metric = case.experiment, case.experiment.described_metric
    path = posixpath.join(case.bound.folder, NAME) if case.bound.folder else ""
    run = f"pytest {path}{path and ' '}--ouro-experiment --ouro-settle -q"
    compared = standing.compared
    known = next((one for one in reversed(compared) if one.noise is not None), None)
    values = [one for one in standing.kept if one in compared and one.mean_or_value is not None]
    tries = [run for run in standing.runs if run.purpose in ("search", "placebo")]
    peak = min(values, key=lambda one: _rank(one, metric.direction), default=None)
    return {
        "brief": VERSION,
        "experiment": clean(case.bound.name, width=80),
        "editable": [clean(glob, width=80) for glob in experiment.editable[:_FEW]],
        "metric": metric.name,
        "direction": metric.direction,
        "budget": experiment.budget,
        "branch": clean(case.evidence.branch, width=80),
        "head": standing.head,
        "best": _keep(standing, best) if best else None,
        "best_ever": _keep(standing, peak) if peak and peak is not best else None,
        "elsewhere": standing.unseen(),
        "gate": {
            "open": not standing.faults,
            "faults": [
                {
                    "rule": fault.rule,
                    "headline": clean(fault.headline, width=200),
                    "help": clean(fault.help, width=300),
                }
                for fault in standing.faults[:_FEW]
            ],
        },
        "not_committed": [clean(name, width=80) for name in standing.edited[:_FEW]],
        "noise": known.noise if known else None,
        "margin": known.margin if known else None,
        "noise_explains": noise_explains(known) if known else None,
        "guards": [
            {**guard, "rule": clean(guard["rule"], width=120)}
            for guard in standing.guards()[: 2 * _FEW]
        ],
        "count": count(tries),
        "tally": standing.tally(),
        "placebos": standing.placebos(),
        "results": [_result(standing, one) for one in standing.results()[:_FEW]],
        "kept": [_keep(standing, one) for one in standing.kept[:_KEEPS]],
        "tried": [_try(standing, one) for one in reversed(tries[-_TRIES:])],
        "left_out": max(0, len(tries) - _TRIES),
        "next": _cut(standing.next(run)),
        "resume": _RESUME,
        "repeat": _REPEAT,
    }


def _rank(run: FinishedRun, direction: str) -> float:
    """Return the value of a run as a number that is lower if it is better by ``direction``; 0 for a
    run without a value."""
    value = run.mean_or_value or 0.0
    return value if direction == "lower" else -value


def _run(run: FinishedRun) -> RunEntry:
    """Return the facts that the entries of all runs have, with the description cut to 72
    characters."""
    value = run.mean_or_value
    return {
        "commit": run.commit,
        "description": clean(run.description, width=72),
        "value": value,
        "shown": run.metric.text(value),
        "time": run.time,
    }


def _keep(standing: Standing, run: FinishedRun) -> KeepEntry:
    """Return the entry of ``run``, a keep, for a brief."""
    is_best = run is standing.best
    return {
        **_run(run),
        "state": state.state if (state := standing.state(run)) else "",
        "level": run.level,
        "peak_mb": run.peak_mb,
        "runs": run.n or 1,
        "is_head": run.commit == standing.head,
        "is_code": is_best and standing.has_best_code,
    }


def _try(standing: Standing, run: FinishedRun) -> TryEntry:
    """Return the entry of ``run``, a finished run, for a brief; long texts in it are cut."""
    state = standing.state(run)
    return {
        **_run(run),
        "on": run.best_commit,
        "status": run.status,
        "reason": str(run.reason),
        "why": clean(" ".join(explain_verdict(run, standing.runs).split()), width=150),
        "gain": run.gain,
        "rehearsal": run.rehearsal,
        "worktree": run.worktree or "",
        "differs": clean(standing.differs(run), width=100),
        "state": state.state if state else "",
        "state_why": clean(state.why, width=100) if state else "",
    }


def _result(standing: Standing, one: Statement) -> ResultEntry:
    """Return the entry of a certificate or confirmation for a brief."""
    ended, text = one.result != "stated", one.metric.text
    shown = f"gain {text(one.gain)}, low {text(one.low)}, {len(one.pairs)} pairs"
    return {
        "event": one.event,
        "result": one.result if ended else "unfinished",
        "commit": one.tip,
        "baseline": one.baseline,
        "gain": one.gain,
        "low": one.low,
        "claimed": one.claimed,
        "detectable": one.detectable,
        "pairs": len(one.pairs),
        "shown": f"{shown}, claimed {text(one.claimed)}" if ended else "no result yet",
        "why": clean(explain(one), width=200) if ended else "",
        "then": clean(_then(standing, one), width=200),
    }


def _then(standing: Standing, one: Statement) -> str:
    """Return what is to be done after a certificate or confirmation, in words."""
    bound, best = standing.case.bound, standing.best
    if one.event == "certificate":
        certify = certify_command(bound)
        if one.result == "stated":
            return f"go on with it: {certify}"
        if best is not None and one.tip != best.commit:
            return f"it is about an earlier keep: at the end of the night, {certify}"
        if one.result == "granted":
            claim = f"claim {one.metric.text(one.low)}, its lower bound"
            return f"{claim}, and make the branch: pytest-ouro finalize{option_of(bound)}"
        return (
            "claim nothing; search on, and certify again at the end: a further look is less sharp"
        )
    if one.result == "stated":
        command = certify_command(bound).replace("--ouro-certify", "--ouro-confirm")
        return f"go on with it: {command} {one.tip[:7]}"
    if one.result == "refuted":
        return "do not try it again"
    return "it stands" if one.result == "confirmed" else "it stays provisional"


def _cut(step: Step) -> Step:
    """Return a next step with long texts and commands cut, so that a brief stays short."""
    commands = [clean(command, width=400) for command in step["commands"]]
    return {
        "step": step["step"],
        "why": clean(step["why"], width=300),
        "help": clean(step["help"], width=400),
        "commands": commands,
    }
