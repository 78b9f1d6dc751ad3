"""Conditions of a run: which runs may be compared, and what keeps them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.evidence.records.run_record import MeasuredRun

if TYPE_CHECKING:
    from pytest_ouro.evidence.records.run_record import StartedRun


def comparable(past: MeasuredRun, run: StartedRun) -> bool:
    """Whether the same thing was measured in the same way on the same kind of device."""
    return past.outcome == "ok" and not past.rehearsal and not differences(past, run)


def differences(past: MeasuredRun, run: StartedRun) -> list[str]:
    """In words, what keeps two runs from being compared: ``budget (20 → 300)``.

    What a run without a measurement could not find out is not compared.
    """
    pairs = zip(_stated(past), _stated(run), strict=True)
    if isinstance(run, MeasuredRun) and run.outcome == "ok":
        pairs = zip(_stated(past) + _found(past), _stated(run) + _found(run), strict=True)
    return [
        f"{name} ({_brief(then)} → {_brief(now)})"
        for (name, then), (_, now) in pairs
        if then != now
    ]


def _stated(run: StartedRun) -> list[tuple[str, object]]:
    """The conditions that are known before the run."""
    return [
        ("device", run.device),
        ("device", run.device_name),
        ("budget", run.budget),
        ("clock", run.clock),
        ("data", run.data),
        ("harness", run.harness),
        ("metric", run.metric.name),
    ]


def _found(run: MeasuredRun) -> list[tuple[str, object]]:
    """The conditions that only a finished measurement knows."""
    return [("level", run.level), ("rows", run.rows)]


def _brief(value: object) -> str:
    """A value for a line of text; a digest by its first digits."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text.removeprefix("sha256:")[:7] if text.startswith("sha256:") else text
