"""Say in plain words what became of the demo's tries."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.report.runs.why import explain_verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.cli.demo.script import Try
    from pytest_ouro.evidence.records.reasons import Status
    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.experiment.result import Result

#: Characters that the agent's words have in a line, those that come before them, and those that
#: what was found keeps on a narrow terminal.
_SAYS, _BEFORE, _FOUND = 49, 18, 36
_COUNTED: dict[Status, str] = {
    "keep": "kept",
    "discard": "discarded",
    "crash": "crashed",
    "closed": "refused",
}


class Played(NamedTuple):
    """A try of the script and its result."""

    one: Try
    result: Result


def describe_try(
    number: int, played: Played, runs: Sequence[FinishedRun], width: int | None = None
) -> str:
    """Return the line about a try: its number, the verdict, the metric, what the agent says, and
    what came of it. ``runs`` are all finished runs of the journal, oldest first. What the agent
    says is cut to 48 characters, or fewer for a terminal of ``width`` columns; the line is not
    cut."""
    one, result = played
    value = "-" if result.value is None else result.metric.text(result.value)
    mark = "!" if one.cheat else " "
    room = _SAYS if width is None else max(min(_SAYS, width - _BEFORE - _FOUND), 16)
    says = one.says if len(one.says) < room else f"{one.says[: room - 2]}…"
    found = _describe_outcome(played, runs)
    return f"{number:2} {mark}{result.status:8}{value:>4}  {says:{room}}{found}".rstrip()


def _describe_outcome(played: Played, runs: Sequence[FinishedRun]) -> str:
    """Return in words what came of a try: by what a cheat was caught (`find_catch`), that its code
    was measured before, how it crashed, or why it has its verdict. ``runs`` are all finished runs,
    oldest first. "" for a try without a record that was not refused."""
    result = played.result
    if result.closed:
        return find_catch(played)
    record = result.record
    if record is None:
        return ""
    if record.measured_by:
        return f"measured before, not run again: {explain_verdict(record, runs)}"
    if result.status == "crash":
        last = next((line for line in reversed(result.tail) if line.strip()), "")
        ends = f": {last}" if last and last not in result.message else ""
        return f"{result.message}{ends}"
    if played.one.cheat and (catch := find_catch(played)):
        return catch
    return explain_verdict(record, runs) or "the first"


def find_catch(played: Played) -> str:
    """Return by what a cheat was caught: the first broken rule, its first finding and how many more
    rules are broken; else the difference between what was printed and what was measured; else the
    run's message, or its verdict and reason. "" if it was kept."""
    result, record = played.result, played.result.record
    if result.closed:
        first = result.closed[0]
        others = f" (and {len(result.closed) - 1} more)" if result.closed[1:] else ""
        return f"{first.rule}{others}: {first.findings[0].headline}"
    if result.status == "keep":
        return ""
    if record and result.value is not None and record.claimed not in (None, result.value):
        text = result.metric.text
        printed, measured = text(record.claimed), text(result.value)
        return f"an untrue number: {printed} was printed, {measured} measured"
    return result.message or f"{result.status}: {result.reason}"


def summarise(played: Sequence[Played], seconds: float) -> list[str]:
    """Return lines that sum up the tries: how many had which verdict, the first and the last kept
    value, the level, each cheat and how it was caught, and the numbers of the tries whose verdict
    is not the one that the script expects. Parts without anything to say are left out."""
    statuses = Counter(one.result.status for one in played)
    counts = ", ".join(f"{statuses[key]} {word}" for key, word in _COUNTED.items() if statuses[key])
    lines = [f"{len(played)} tries in {seconds:.0f} s: {counts}"]
    kept = [one.result for one in played if one.result.status == "keep"]
    if kept:
        name, text = kept[0].metric.name, kept[0].metric.text
        lines[0] += f". {text(kept[0].value)} {name} became {text(kept[-1].value)}"
        runs = len(played) - statuses["closed"]
        if statuses["closed"]:
            lines.append(f"log and page have the {runs} that were run: what is refused is not run")
        lines.append(f"level: {_describe_level(kept[-1])}")
    cheats = [one for one in played if one.one.cheat]
    caught = [one for one in cheats if find_catch(one)]
    if cheats:
        lines.append(f"{len(caught)} of {len(cheats)} cheats were caught:")
        lines += [f"  {one.one.cheat:26} {find_catch(one) or 'NOT CAUGHT'}" for one in cheats]
    others = [str(n) for n, one in enumerate(played, 1) if one.result.status != one.one.expects]
    if others:
        lines.append(f"not as the script expects (which decides nothing): {', '.join(others)}")
    return lines


def _describe_level(result: Result) -> str:
    """Return the level of a kept run, and why it is not higher; if there is no reason, that the
    program could neither see nor reach its evaluation."""
    why = result.record.level_why if result.record else ""
    if why:
        return f"{result.level}, not higher here: {why}"
    return f"{result.level}: sort.py could neither see nor reach its evaluation"
