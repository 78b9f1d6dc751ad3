"""Find the verdicts on commits: the last one on each, and the keeps on a branch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_ouro.evidence.records.run_record import FinishedRun

#: The size of a literal, in nodes: simpler code is smaller by more than that.
LITERAL = 1


def last_verdicts(runs: Iterable[FinishedRun]) -> dict[str, FinishedRun]:
    """Return the last run that decided about each commit, by commit; ``runs``: oldest first.

    ``unchanged`` decides only about a commit without another verdict: it measured known code.
    """
    found: dict[str, FinishedRun] = {}
    for run in runs:
        if run.status == "crash" or not run.reason.decides:
            continue
        if run.reason.decides_only_alone and (run.commit in found or _is_older(run)):
            continue
        found[run.commit] = run
    return found


def kept_in(history: Iterable[str], runs: Iterable[FinishedRun]) -> list[FinishedRun]:
    """Return the kept runs of the commits in ``history`` (ids, newest first), in its order.

    The first is the last keep on that history.
    """
    verdicts = last_verdicts(runs)
    found = [verdicts[commit] for commit in history if commit in verdicts]
    return [run for run in found if run.status == "keep" and _is_measured(run)]


def _is_measured(run: FinishedRun) -> bool:
    value = run.mean_or_value
    return value is not None and math.isfinite(value)


def _is_older(run: FinishedRun) -> bool:
    """Return whether the record is from a version that let an unchanged commit stay."""
    return run.version == 1 and run.incumbent is None
