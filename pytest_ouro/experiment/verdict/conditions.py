"""Conditions of a run: which runs may be compared, and what keeps them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_ouro.evidence.records.journal import Record


#: What two runs must have in common for their metrics to be compared.
_COMPARED = (
    "device",
    "device_name",
    "budget",
    "clock",
    "data",
    "harness",
    "metric",
    "level",
    "rows",
)


#: Of these, what only a finished measurement knows: of a crash they are unknown, not different.
_MEASURED = ("level", "rows")


def comparable(past: Record, facts: Record) -> bool:
    """Whether the same thing was measured in the same way on the same kind of device."""
    return (
        not differences(past, facts) and not past.get("rehearsal") and past.get("outcome") == "ok"
    )


def differences(past: Record, facts: Record) -> list[str]:
    """In words, what keeps two runs from being compared: ``budget (20 → 300)``.

    What a run without a measurement could not find out is not compared.
    """
    unknown = () if facts.get("outcome") == "ok" else _MEASURED
    return [
        f"{key.replace('_name', '')} ({_brief(past.get(key))} → {_brief(facts.get(key))})"
        for key in _COMPARED
        if key not in unknown and past.get(key) != facts.get(key)
    ]


def _brief(value: object) -> str:
    """A value for a line of text; a digest by its first digits."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text.removeprefix("sha256:")[:7] if text.startswith("sha256:") else text
