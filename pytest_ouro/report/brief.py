"""Render the facts of a brief as a short text or as JSON, both of a limited size."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_ouro.core.escape import escape_json, escape_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.report.brief_facts import Facts, RunEntry

#: The most bytes of the text and of the JSON; the oldest tries are left out beyond.
TEXT, JSON = 8_000, 24_000


def render_json(facts: Facts) -> str:
    """Return the facts as JSON of at most ``JSON`` bytes: the oldest tries are left out, and
    ``left_out`` counts them. It is longer only if it is too long without any try."""
    while True:
        text = escape_json(json.dumps(facts, ensure_ascii=False, indent=1))
        if len(text.encode()) <= JSON or not facts["tried"]:
            return text
        facts = _shorten(facts)


def render(facts: Facts) -> str:
    """Return the facts as text of at most ``TEXT`` bytes: the oldest tries are left out, and a line
    counts them. It is longer only if it is too long without any try."""
    while True:
        text = escape_lines(*_lines(facts))
        if len(text.encode()) <= TEXT or not facts["tried"]:
            return text
        facts = _shorten(facts)


def _shorten(facts: Facts) -> Facts:
    """Return the facts without the oldest try, or without the oldest tenth, rounded up, if there
    are more than ten. There must be one."""
    tried = facts["tried"]
    fewer = tried[: min(len(tried) - 1, len(tried) * 9 // 10)]
    left_out = facts["left_out"] + len(tried) - len(fewer)
    return {**facts, "tried": fewer, "left_out": left_out}


def _lines(facts: Facts) -> Iterator[str]:
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
        value = f"{best['shown']} of {best['commit'][:7]}, {best['state']}, {where} ({place})"
        yield f"best: {value}: {_words(best)}"
    if peak := facts["best_ever"]:
        yield f"best ever kept here: {peak['shown']} of {peak['commit'][:7]}: {_words(peak)}"
    if facts["elsewhere"]:
        yield f"elsewhere: {facts['elsewhere']}"
    if facts["noise_explains"]:
        yield f"noise: a difference up to {facts['noise_explains']:.3g} may be luck"
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
    if facts["placebos"]:
        yield facts["placebos"]
    for result in facts["results"]:
        ends = f"{result['commit'][:7]} against {result['baseline'][:7]}"
        yield f"{result['event']} of {ends}: {result['result']}, {result['shown']}"
        yield from [f"  {result['why']}"] if result["why"] else []
        yield f"  then: {result['then']}"
    if facts["tried"]:
        yield f"tried, newest first; do not repeat (commit, on, verdict, {facts['metric']}):"
    for one in facts["tried"]:
        value = "-" if one["value"] is None else one["shown"]
        on = (one["on"] or "-")[:7]
        differs = f" (not comparable: {one['differs']})" if one["differs"] else ""
        state = f" ({one['state']})" if one["state"] else ""
        because = f" ({one['state']}: {one['state_why']})" if one["state_why"] else ""
        yield (
            f"  {one['commit'][:7]} {on} {one['status']}{state} {one['reason']} {value}  "
            f"{_words(one)}{one['why'] and ': '}{one['why']}{because}{differs}"
        )
    if facts["left_out"]:
        yield f"  … and {facts['left_out']} older: pytest-ouro log"
    yield f"resume: {facts['resume']}"
    yield f"repeat: {facts['repeat']}"


def _words(entry: RunEntry) -> str:
    """Return the description of a run in quotation marks."""
    return f'"{entry["description"]}"'
