"""Render where an experiment stands as a short text or as JSON: both are limited in size, so that
they fit into an agent's context whatever a night was like."""

from __future__ import annotations

import json
import posixpath
from typing import TYPE_CHECKING, Any

from pytest_ouro.bound.read import NAME
from pytest_ouro.core.escape import escape_json, escape_lines
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.report.standing import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.report.standing import Standing

#: The most bytes of the text and of the JSON; the oldest tries are left out beyond.
TEXT, JSON = 8_000, 24_000
#: The version of the JSON: keys may be added, none changes its meaning.
VERSION = 1
#: The most tries, keeps and other entries that are listed.
_TRIES, _KEEPS, _FEW = 60, 8, 5
_RESUME = (
    "nothing needs to be repeated after a restart: read this again. A run whose supervisor was "
    "killed is recorded as a crash by the next one."
)
_REPEAT = (
    "--ouro-repeat 3 runs one commit three times with other seeds and decides on the mean: for "
    "a gain within noise, or a keep that may be luck. It costs three runs and measures the noise."
)


def collect(standing: Standing) -> dict[str, Any]:
    """Return the facts of a brief as a dict that can be written as JSON; its keys are those of
    ``pytest-ouro brief --json``. Its lists are short; ``tried`` has the newest 60 runs at most,
    newest first, and ``left_out`` counts the others. A single fact that is not known is None."""
    case, best = standing.case, standing.best
    experiment, metric = case.experiment, case.experiment.described_metric
    path = posixpath.join(case.bound.folder, NAME) if case.bound.folder else ""
    run = f"pytest {path}{path and ' '}--ouro-experiment --ouro-settle -q"
    compared = standing.compared
    known = next((one for one in reversed(compared) if one.noise is not None), None)
    values = [one for one in standing.kept if one in compared and one.mean_or_value is not None]
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
        "guards": [
            {**guard, "rule": clean(str(guard["rule"]), width=120)}
            for guard in standing.guards()[: 2 * _FEW]
        ],
        "count": count(standing.runs),
        "tally": standing.tally(),
        "kept": [_keep(standing, one) for one in standing.kept[:_KEEPS]],
        "tried": [_try(standing, one) for one in reversed(standing.runs[-_TRIES:])],
        "left_out": max(0, len(standing.runs) - _TRIES),
        "next": _cut(standing.next(run)),
        "resume": _RESUME,
        "repeat": _REPEAT,
    }


def render_json(facts: dict[str, Any]) -> str:
    """Return the facts as JSON of at most ``JSON`` bytes: the oldest tries are left out, and
    ``left_out`` counts them. It is longer only if the rest alone is."""
    while True:
        text = escape_json(json.dumps(facts, ensure_ascii=False, indent=1))
        if len(text.encode()) <= JSON or not facts["tried"]:
            return text
        facts = _shorten(facts)


def render(facts: dict[str, Any]) -> str:
    """Return the facts as text of at most ``TEXT`` bytes: the oldest tries are left out, and a line
    counts them. It is longer only if the rest alone is."""
    while True:
        text = escape_lines(*_lines(facts))
        if len(text.encode()) <= TEXT or not facts["tried"]:
            return text
        facts = _shorten(facts)


def _shorten(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts without the oldest try, or without the oldest tenth, rounded up, if there
    are more than ten. There must be one."""
    tried = facts["tried"]
    fewer = tried[: min(len(tried) - 1, len(tried) * 9 // 10)]
    left_out = facts["left_out"] + len(tried) - len(fewer)
    return {**facts, "tried": fewer, "left_out": left_out}


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a brief, made of the facts that `collect` returns; they are not yet
    escaped."""
    gate, best = facts["gate"], facts["best"]
    counts = facts["count"]
    yield (
        f"{facts['experiment']}: change {', '.join(facts['editable'])}; {facts['metric']}, "
        f"{facts['direction']} is better"
    )
    place = f"{facts['branch'] or 'no branch'} at {facts['head'][:7]}"
    if best is None:
        yield f"best: nothing is kept yet ({place})"
    else:
        where = "HEAD" if best["is_head"] else "the code of HEAD" if best["is_code"] else "not HEAD"
        yield f"best: {_value(best)} of {best['commit'][:7]}, {where} ({place}): {_words(best)}"
    if peak := facts["best_ever"]:
        yield f"best ever kept here: {_value(peak)} of {peak['commit'][:7]}: {_words(peak)}"
    if facts["margin"]:
        yield f"noise: a difference up to {facts['margin']:.3g} may be luck"
    for guard in facts["guards"]:
        limit = "that of the first keep" if guard["limit"] is None else f"{guard['limit']:.12g}"
        has = "" if guard["best_has"] is None else f"; the best has {guard['best_has']:.12g}"
        yield f"guard {guard['id']}: {guard['number']} at {guard['at']} {limit}{has}"
    yield "gate: open" if gate["open"] else "gate: closed"
    for fault in gate["faults"]:
        rule = fault["rule"] and f"{fault['rule']}: "
        yield f"  {rule}{fault['headline']}"
        yield f"    help: {fault['help']}"
    if facts["not_committed"]:
        yield f"not committed: {', '.join(facts['not_committed'])}"
    yield f"next: {facts['next']['why']}"
    yield from [f"  help: {facts['next']['help']}"] if facts["next"]["help"] else []
    yield from (f"  {command}" for command in facts["next"]["commands"])
    yield ""
    yield (
        f"runs: {counts['runs']} ({counts['keep']} keep, {counts['discard']} discard, "
        f"{counts['crash']} crash)" + (f"; {facts['tally']}" if facts["tally"] else "")
    )
    if facts["tried"]:
        yield f"tried, newest first; do not repeat (commit, on, verdict, {facts['metric']}):"
    for one in facts["tried"]:
        value = "-" if one["value"] is None else one["shown"]
        on = (one["on"] or "-")[:7]
        differs = f" (not comparable: {one['differs']})" if one["differs"] else ""
        yield (
            f"  {one['commit'][:7]} {on} {one['status']} {one['reason']} {value}  "
            f"{_words(one)}{one['why'] and ': '}{one['why']}{differs}"
        )
    if facts["left_out"]:
        yield f"  … and {facts['left_out']} older: pytest-ouro log"
    yield f"resume: {facts['resume']}"
    yield f"repeat: {facts['repeat']}"


def _value(entry: dict[str, Any]) -> str:
    """Return the value of a run, given by its entry in the facts, as it is shown."""
    return str(entry["shown"])


def _words(entry: dict[str, Any]) -> str:
    """Return the description of a run, given by its entry in the facts, in quotation marks."""
    return f'"{entry["description"]}"'


def _rank(run: FinishedRun, direction: str) -> float:
    """Return the value of a run as a number that is lower if it is better by ``direction``; 0 for a
    run without a value."""
    value = run.mean_or_value or 0.0
    return value if direction == "lower" else -value


def _run(run: FinishedRun) -> dict[str, Any]:
    """Return the facts that the entries of all runs have; ``value`` is None if it was not
    measured."""
    value = run.mean_or_value
    return {
        "commit": run.commit,
        "description": clean(run.description, width=72),
        "value": value,
        "shown": run.metric.text(value),
        "time": run.time,
    }


def _keep(standing: Standing, run: FinishedRun) -> dict[str, Any]:
    """Return the entry of a keep: the facts of `_run`, its level, memory and number of runs;
    ``is_head``, whether it is HEAD; and ``is_code``, whether it is the best and the editable files
    of HEAD are its own."""
    is_best = run is standing.best
    return {
        **_run(run),
        "level": run.level,
        "peak_mb": run.peak_mb,
        "runs": run.n or 1,
        "is_head": run.commit == standing.head,
        "is_code": is_best and standing.has_best_code,
    }


def _try(standing: Standing, run: FinishedRun) -> dict[str, Any]:
    """Return the entry of a finished run: the facts of `_run`, its verdict, why, its gain, the
    commit of its reference (``on``), whether it is a rehearsal, its working tree, and the
    conditions in which it differs from the last keep."""
    return {
        **_run(run),
        "on": run.best_commit,
        "status": run.status,
        "reason": str(run.reason),
        "why": clean(" ".join(standing.why(run).split()), width=150),
        "gain": run.gain,
        "rehearsal": run.rehearsal,
        "worktree": run.worktree or "",
        "differs": clean(standing.differs(run), width=100),
    }


def _cut(step: dict[str, Any]) -> dict[str, Any]:
    """Return a next step with the keys of `Standing.next`, and with its texts cut."""
    commands = [clean(command, width=400) for command in step["commands"]]
    return {
        "step": step["step"],
        "why": clean(step["why"], width=300),
        "help": clean(step["help"], width=400),
        "commands": commands,
    }
