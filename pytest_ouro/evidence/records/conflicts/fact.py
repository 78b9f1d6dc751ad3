"""A fact that the journal states, and what it must be by other facts."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

from pytest_ouro.evidence.records.run_record import FinishedRun

#: Finished runs, oldest first, by the name of an attribute and its value.
Past: TypeAlias = dict[tuple[str, str | None], list[FinishedRun]]


class Fact(NamedTuple):
    """One key of a record, the value that follows from other facts, and the recorded value. The two
    may be equal."""

    key: str
    expected: object
    actual: object


def same(one: object, other: object, *, rounded: bool) -> bool:
    """Return whether two values are equal. Two numbers count as equal if they differ by rounding in
    their last digits, or with ``rounded`` (lines before version 3) by at most 1.5e-6."""
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1.5e-6 if rounded else 0.0)
    return one == other
