"""Build phrases that the findings of several checks share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_ouro.evidence.records.run_record import MeasuredRun


def count(number: int, noun: str) -> str:
    """Return ``a row`` for 1, and ``3 rows``, the noun with an ``s``, for any other number."""
    return f"a {noun}" if number == 1 else f"{number} {noun}s"


def describe_run(run: MeasuredRun) -> str:
    """Return the words by which a finding names a run: ``run 70786d0ec467, commit fc714de``."""
    return f"run {run.run}, commit {run.commit[:7]}"
