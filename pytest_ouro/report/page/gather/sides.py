"""Collect the numbers of experiments beside the metric: memory, time, size, and what guards
limit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_ouro.experiment.verdict.guards import number_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_ouro.bound.guards import Guard
    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.report.page.facts import Side

#: The most numbers that are shown of one curve.
_MOST = 9


def list_sides(
    curve: Sequence[FinishedRun],
    number: int,
    guards: Sequence[Guard],
    kept: Sequence[FinishedRun],
) -> list[Side]:
    """Return the other numbers of the experiments of a curve, which has this ``number``: those that
    guards limit first. At most `_MOST` are returned. Left out are numbers that are never known, the
    metric, and other printed ones that never change. ``kept`` are the keeps of the branch, newest
    first, on which limits may depend."""
    found = [_make_guarded(guard, curve, number, kept) for guard in guards]
    limited = {(guard.recorded or guard.metric) for guard in guards}
    recorded: list[tuple[str, str, str, Callable[[FinishedRun], float | None]]] = [
        ("peak_mb", "peak memory", "MB", lambda run: run.peak_mb or None),
        ("wall_seconds", "time of a run", "s", lambda run: run.wall_seconds),
        ("code_size", "size of the code", "nodes", lambda run: run.code_size or None),
    ]
    for key, name, unit, read in recorded:
        if key not in limited:
            found.append(_make_side(name, unit, number, [read(run) for run in curve]))
    for name in sorted({name for run in curve for name in run.evaluated} - limited):
        values = [_read_number(run.evaluated.get(name, "")) for run in curve]
        if name != curve[0].metric_name and len({v for v in values if v is not None}) > 1:
            found.append(_make_side(name, "", number, values))
    return [side for side in found if any(v is not None for v in side["values"])][:_MOST]


def _make_guarded(
    guard: Guard, curve: Sequence[FinishedRun], number: int, kept: Sequence[FinishedRun]
) -> Side:
    """Return the number that a guard limits, with its limit at present; the limit is None if it
    depends on a keep that has no such number, or that does not exist."""
    reference = kept[-1 if guard.of == "baseline" else 0] if kept else None
    base = number_of(guard, reference) if reference is not None and guard.of else None
    side = _make_side(guard.name, "", number, [number_of(guard, run) for run in curve])
    if guard.of is None or base is not None:
        side["limit"] = guard.limit(base)
    side["at"] = "least" if guard.at_least is not None else "most"
    side["rule"] = guard.rule
    return side


def _make_side(name: str, unit: str, curve: int, values: Sequence[float | None]) -> Side:
    """Return a number of the curve with the index ``curve``, without a limit; its ``values`` are in
    the order of the curve's experiments, and one that is not finite becomes None."""
    known = [v if v is not None and math.isfinite(v) else None for v in values]
    return {
        "name": name,
        "unit": unit,
        "curve": curve,
        "values": known,
        "limit": None,
        "at": "most",
        "rule": "",
    }


def _read_number(text: str) -> float | None:
    """Return the number that a text states; None if it states none."""
    try:
        return float(text)
    except ValueError:
        return None
