"""What recorded verdicts say of commits: the last one on each, and the last keep on a branch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_ouro.evidence.records.journal import Record

#: The size of a literal: a tie is simpler by more than that.
LITERAL = 1
#: Reasons of runs that decide nothing about their commit.
_UNDECIDED = ("repeat", "rehearsal", "level")


def value_of(run: Record) -> float:
    """The metric of a run, or the mean of the series that it ended."""
    mean = run.get("mean")
    return float(run["val_bpb"] if mean is None else mean)


def last_verdicts(runs: Iterable[Record]) -> dict[str, Record]:
    """The last run that decided about each commit, by commit; ``runs`` are finished, oldest first.

    A crash decides nothing: it measured nothing. ``unchanged`` decides only about a commit of which
    no other run did: it measured a code again that has its verdict.
    """
    found: dict[str, Record] = {}
    for run in runs:
        if run.get("status") not in ("keep", "discard") or run.get("reason") in _UNDECIDED:
            continue
        # In older records, without an incumbent, an unchanged commit was allowed to stay.
        if run.get("reason") == "unchanged" and (run["commit"] in found or "incumbent" not in run):
            continue
        found[run["commit"]] = run
    return found


def kept_in(history: Iterable[str], runs: Iterable[Record]) -> list[Record]:
    """The runs whose commits are kept, in the order of ``history``: commit ids, newest first.

    The first is the last keep on that history.
    """
    verdicts = last_verdicts(runs)
    found = [verdicts[commit] for commit in history if commit in verdicts]
    return [run for run in found if run["status"] == "keep" and math.isfinite(value_of(run))]
