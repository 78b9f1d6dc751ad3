"""Write what is known of one run, in plain words or as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_ouro.core.escape import escape_json
from pytest_ouro.evidence.records.run_record import FinishedRun
from pytest_ouro.evidence.records.verdicts import noise_explains, saved
from pytest_ouro.report.runs.sentences import describe_claim
from pytest_ouro.report.runs.table import signed
from pytest_ouro.report.runs.times import show_times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.records.run_record import StartedRun
    from pytest_ouro.report.runs.shown import Shown

#: The most changed files and other runs that are listed.
_MOST = 12
_LEVELS = {
    "claimed": "nobody but the program itself measured it",
    "supervised": "its process and its time were watched, and it computed the metric itself",
    "judged": "another process computed the metric, from data that the program did not have",
    "sandboxed": "another process computed the metric, and the program was confined",
}


def render_json(shown: Shown) -> str:
    """Return what is shown of a run as one JSON object on several lines, escaped, without a line
    end behind it."""
    state, files = shown.state, shown.files
    table = {
        "show": 1,
        "record": shown.run.to_json(),
        "state": state.state if state else "",
        "state_why": state.why if state else "",
        "files": None if files is None else [one._asdict() for one in files],
        "why": list(shown.why),
        "next": shown.then,
        "log": list(shown.log),
        "statements": [one._asdict() for one in shown.mentions],
        "other_runs": list(shown.others),
    }
    return escape_json(json.dumps(table, ensure_ascii=False, indent=1))


def render(shown: Shown) -> list[str]:
    """Return what is shown of a run as lines, which are not yet escaped."""
    run, lines = shown.run, []
    verdict = _describe_verdict(shown)
    lines.append(f"{run.commit[:7]} {run.description}")
    lines.append(f"{verdict} (run {run.run})")
    sections = {
        "tried": _describe_try(shown),
        "measured": _describe_measurement(run),
        "compared": _describe_comparison(run),
        "rule": _describe_rule(run),
        "why": iter(shown.why),
        "state": _describe_state(shown),
        "made": _describe_conditions(run),
        "cost": _describe_cost(shown),
        "broke": _describe_breach(run),
        "mentioned": _list_mentions(shown),
        "log": iter(shown.log),
        "next": iter([shown.then] if shown.then else []),
    }
    for title, parts in sections.items():
        for number, part in enumerate(parts):
            lines.append(f"{'' if number else title:10} {part}")
    return lines


def _describe_verdict(shown: Shown) -> str:
    """Return the verdict on a run, with the state of a keep, in a few words."""
    run = shown.run
    if not isinstance(run, FinishedRun):
        return "without an end"
    state = f", {shown.state.state}" if shown.state else ""
    return f"{run.status}: {run.reason_text}{state}"


def _describe_try(shown: Shown) -> Iterator[str]:
    """Yield what was tried: the commit, when and where, and the changed files."""
    run = shown.run
    branch = f" on {run.branch}" if run.branch else ""
    tree = f" in the working tree {run.worktree}" if run.worktree else ""
    yield f"commit {run.commit}{branch}{tree}"
    word = "ended" if isinstance(run, FinishedRun) else "started"
    yield f"{word} {show_times([run.time])[0]} by this machine's clock"
    if run.purpose == "search" and run.plan:
        yield f"as a candidate of the batch {run.plan}"
    elif run.purpose != "search":
        yield f"as a {run.purpose}{f' of the plan {run.plan}' if run.plan else ''}"
    if run.repeats:
        yield f"as repeat {run.repeat} of {run.repeats}"
    if isinstance(run, FinishedRun) and run.measured_by:
        yield f"not run: run {run.measured_by} had measured this code"
    files = shown.files
    if files is not None and isinstance(run, FinishedRun):
        on = (run.best_commit or "")[:7]
        if not files:
            yield f"no file differs from {on}"
        for one in files[:_MOST]:
            yield f"{one.path} +{one.added} -{one.removed} (against {on})"
        if len(files) > _MOST:
            yield f"and {len(files) - _MOST} more files"
        if less := saved(run):
            yield f"less code: {less}"
    if shown.others:
        more = f" and {len(shown.others) - _MOST} more" if len(shown.others) > _MOST else ""
        yield f"other runs of this commit: {', '.join(shown.others[:_MOST])}{more}"


def _describe_measurement(run: StartedRun) -> Iterator[str]:
    """Yield what was measured, and what the program claimed; nothing for a run without an end."""
    if not isinstance(run, FinishedRun):
        return
    text = run.metric.text
    if run.measured_value is not None:
        lawful = "" if run.value is not None else ", which does not count"
        yield f"{run.metric_name} {text(run.measured_value)}{lawful}"
    else:
        yield f"nothing: {run.outcome or 'no metric'}"
    if run.mean is not None:
        sd = "" if run.sd is None else f", standard deviation {text(run.sd)}"
        yield f"mean of {run.n} runs {text(run.mean)}{sd}"
    if claim := describe_claim(run):
        yield f"the program printed {claim}"
    if run.read_from:
        yield f"read from: {run.read_from}"
    if run.level:
        yield f"level {run.level}: {_LEVELS.get(run.level, '')}"
    if run.level_why:
        yield f"not higher: {run.level_why}"


def _describe_comparison(run: StartedRun) -> Iterator[str]:
    """Yield what a run was compared with, and how much better it is; nothing for a run without an
    end."""
    if not isinstance(run, FinishedRun):
        return
    if run.best is None or run.best_commit is None:
        yield f"with nothing: {run.apart}" if run.apart else "with nothing"
        return
    several = f", the mean of {len(run.best_runs)} runs" if len(run.best_runs) > 1 else ""
    yield f"with the keep {run.best_commit[:7]}: {run.metric.text(run.best)}{several}"
    if run.gain is not None:
        word = "better" if run.gain > 0 else "worse" if run.gain < 0 else "the same"
        yield f"gain {signed(run, run.gain)} ({word}; + is better)"
    if run.gain_on_peak is not None and run.gain_on_peak != run.gain:
        yield f"against the best value ever kept here {signed(run, run.gain_on_peak)}"
    if run.shared_draws:
        yield f"with the same salt: the random numbers were the same ({run.shared_draws})"


def _describe_rule(run: StartedRun) -> Iterator[str]:
    """Yield the limits by which a run was decided on; nothing for a run without a gain."""
    if not isinstance(run, FinishedRun) or run.gain is None:
        return
    text = run.metric.text
    if run.noise is None:
        yield "the noise is not known: pytest-ouro calibrate measures it"
    elif run.noise == 0:
        yield "noise: the rules say that runs of one code do not differ (noise = 0)"
    else:
        yield (
            f"noise: one run differs from another of its code by {text(run.noise)} (standard "
            f"deviation), so a difference up to {text(noise_explains(run))} may be luck"
        )
    if run.margin is not None:
        yield f"margin: a keep must gain more than {text(run.margin)}"
    if run.band:
        yield f"tie: a difference up to {text(run.band)}, which less code may win"
    yield from (str(guard.get("text")) for guard in run.guards)


def _describe_state(shown: Shown) -> Iterator[str]:
    """Yield the state of a keep and why it has it; nothing for another run."""
    if shown.state:
        why = shown.state.why or "no certificate and no confirmation has decided about it"
        yield f"{shown.state.state}: {why}"


def _describe_conditions(run: StartedRun) -> Iterator[str]:
    """Yield the conditions under which a run was made."""
    name = f" ({run.device_name})" if run.device_name else ""
    yield f"on {run.device}{name}" if run.device else "on an unknown device"
    budget = f"{run.steps} batches" if run.clock == "steps" else f"{run.budget:g} s"
    rehearsal = ", a rehearsal" if run.rehearsal else ""
    yield f"budget {budget} of the clock {run.clock}{rehearsal}"
    if isinstance(run, FinishedRun):
        if run.steps_served is not None:
            yield f"used {run.steps_served} batches of the budget"
        elif run.window_seconds is not None:
            yield f"used {run.window_seconds:.2f} s of the budget"
        if run.peak_mb:
            yield f"memory {run.peak_mb:.1f} MB at most"
        if run.torch or run.python:
            yield ", ".join(
                filter(None, (f"Python {run.python}", run.torch and f"torch {run.torch}"))
            )
    yield f"salt {run.salt}" if run.salt else "with the script's own seeds"


def _describe_cost(shown: Shown) -> Iterator[str]:
    """Yield the seconds that a run took, and its price if that of an hour is known; nothing if the
    seconds are not known."""
    run = shown.run
    if not isinstance(run, FinishedRun) or run.wall_seconds is None:
        return
    cpu = "" if run.cpu_seconds is None else f", {run.cpu_seconds:.1f} CPU seconds"
    yield f"{run.wall_seconds:.1f} s{cpu}"
    if shown.price is not None:
        yield f"{shown.price * run.wall_seconds / 3600:.4f}, at {shown.price:g} an hour"


def _describe_breach(run: StartedRun) -> Iterator[str]:
    """Yield the rules that a run broke, and what was observed; nothing for a run without an end."""
    if isinstance(run, FinishedRun):
        yield from run.findings
        yield from run.caught


def _list_mentions(shown: Shown) -> Iterator[str]:
    """Yield a line for each statement that mentions a run, with what it allows to claim."""
    for one in shown.mentions:
        yield f"{one.line}{one.means and f': {one.means}'}"
