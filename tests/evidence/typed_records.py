"""Checked by mypy, never run: each of these lines is a mistake that it must find.

`warn_unused_ignores` makes an error of a mistake that is no longer found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import replace

if TYPE_CHECKING:
    from pytest_ouro.evidence.records.run_record import FinishedRun, StartedRun


def misspelt_attribute(run: FinishedRun) -> object:
    return run.val_bbp  # type: ignore[attr-defined]


def attribute_of_a_later_record(started: StartedRun) -> object:
    return started.status  # type: ignore[attr-defined]


def key_as_a_string(run: FinishedRun) -> object:
    return run["val_bpb"]  # type: ignore[index]


def misspelt_change(run: FinishedRun) -> FinishedRun:
    return replace(run, vaule=1.0)  # type: ignore[call-arg]


def misspelt_outcome(run: FinishedRun) -> bool:
    return run.outcome == "okay"  # type: ignore[comparison-overlap]


def number_that_may_be_unknown(run: FinishedRun) -> float:
    return run.gain + 1  # type: ignore[operator]
