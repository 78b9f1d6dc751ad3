"""Compare a run's numbers beside the metric with their limits, the guards of a bound."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_ouro.bound.guards import Guard
    from pytest_ouro.evidence.records.run_record import FinishedRun, MeasuredRun


class GuardResult(NamedTuple):
    """The result for one guard: its ``id``, whether it holds, and the number (``value``) and its
    limit, each None if it is not known.

    ``text`` is a line for people. ``brief`` is a word for the last line, such as ``memory:900>800``
    or ``memory:unknown``; "" if the guard holds.
    """

    id: str
    holds: bool
    value: float | None
    limit: float | None
    text: str
    brief: str


def check_guards(
    guards: Iterable[Guard], run: MeasuredRun, kept: Sequence[FinishedRun]
) -> tuple[GuardResult, ...]:
    """Return the result of each guard for ``run``; ``kept`` are the branch's keeps, newest first.

    A guard is broken if its number of the run is not known. A guard with ``of`` limits that number
    relative to the number of a reference: the oldest keep for "baseline", else the newest. It is
    broken if the reference's number is not known, and holds if nothing is kept yet, since this run
    may become the reference.
    """
    return tuple(_check(guard, run, kept) for guard in guards)


def _check(guard: Guard, run: MeasuredRun, kept: Sequence[FinishedRun]) -> GuardResult:
    """Return the result for one guard; see :func:`check_guards`. It is broken if a number that it
    needs is not known, and holds if it has ``of`` and nothing is kept yet."""
    value = number_of(guard, run)
    if value is None:
        return _unknown(guard, None, f"there is no number '{guard.name}' of this run")
    if guard.of is None:
        return _compared(guard, value, guard.limit(None), "")
    if not kept:
        text = f"guard {guard.id}: {guard.name} {value:.12g}, the first: nothing is kept yet"
        return GuardResult(guard.id, True, value, None, text, "")
    reference = kept[-1 if guard.of == "baseline" else 0]
    number = number_of(guard, reference)
    if number is None:
        why = f"there is no number '{guard.name}' of the {guard.of}, {reference.commit[:7]}"
        return _unknown(guard, value, f"{why}; a limit without 'of' needs none")
    words = f" ({number:.12g} of the {guard.of}, {reference.commit[:7]})"
    return _compared(guard, value, guard.limit(number), words)


def _compared(guard: Guard, value: float, limit: float, reference: str) -> GuardResult:
    """Return the result for a known number and limit. ``reference`` says in words where the limit
    is from ("" for one without ``of``), and follows the limit in ``text``."""
    holds = guard.allows(value, limit)
    most = guard.at_least is None
    text = (
        f"guard {guard.id}{'' if holds else ' is broken'}: {guard.name} {value:.12g}, "
        f"at {'most' if most else 'least'} {limit:.12g}{reference}"
    )
    if not holds:
        text += f": {guard.rule}"
    brief = "" if holds else f"{guard.id}:{value:.12g}{'>' if most else '<'}{limit:.12g}"
    return GuardResult(guard.id, holds, value, limit, text, brief)


def _unknown(guard: Guard, value: float | None, why: str) -> GuardResult:
    """Return the result for a guard that counts as broken since the run's number or that of the
    reference is not known; ``why`` says which. ``value`` is the run's number, None if that is not
    known."""
    text = f"guard {guard.id} could not be judged: {why}"
    return GuardResult(guard.id, False, value, None, text, f"{guard.id}:unknown")


def number_of(guard: Guard, run: MeasuredRun) -> float | None:
    """Return the number of ``run`` that the guard limits; None if it is not known or not finite.

    It is an attribute of the record, or a number that was measured for guards. A run that was
    measured before the guard existed has no such number. Then it is the number that the run's
    evaluation printed for the guard's metric, or None if the guard has a command of its own.
    """
    if guard.recorded:
        value = getattr(run, guard.recorded)
        if guard.recorded == "peak_mb" and value == 0:  # it ended before its memory was read
            value = None
    elif guard.source in run.guarded:
        value = run.guarded[guard.source]
    else:  # the reference was measured before there was the guard
        value = None if guard.command else _number(run.evaluated.get(guard.metric, ""))
    return value if value is not None and math.isfinite(value) else None


def _number(text: str) -> float | None:
    """Return the number that a text states, NaN and infinity too; None if it states no number."""
    try:
        return float(text)
    except ValueError:
        return None
