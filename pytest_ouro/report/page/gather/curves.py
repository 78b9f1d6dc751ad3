"""Arrange runs in curves: one for each metric, device, working tree and branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.evidence.records.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.evidence.records.run_record import FinishedRun

#: The purposes of runs that are experiments; others measure one that was tried before.
TRIED = ("search", "placebo")


def group(runs: Sequence[FinishedRun]) -> list[list[FinishedRun]]:
    """Return the experiments among the runs as lists, one for each curve, in the order in which the
    curves began. A run that measured nothing, and may not know the model of its device, joins the
    last curve that is alike in all else."""
    found: dict[tuple[str, ...], list[FinishedRun]] = {}
    last: dict[tuple[str, ...], list[FinishedRun]] = {}
    waiting: list[FinishedRun] = []
    for run in runs:
        if run.purpose not in TRIED:
            continue
        place = (run.metric_name, run.direction, run.device, run.worktree or "", run.branch)
        key = (*place, run.device_name)
        if run.outcome == "ok" or key in found:
            last[place] = found.setdefault(key, [])
            last[place].append(run)
        elif place in last:
            last[place].append(run)
        else:
            waiting.append(run)
    for run in waiting:  # crashes before the first measurement
        place = (run.metric_name, run.direction, run.device, run.worktree or "", run.branch)
        last.setdefault(place, found.setdefault((*place, run.device_name), [])).append(run)
    order = {run.run: number for number, run in enumerate(runs)}
    curves = [sorted(curve, key=lambda run: order[run.run]) for curve in found.values() if curve]
    return sorted(curves, key=lambda curve: order[curve[0].run])


def find_bests(curve: Sequence[FinishedRun]) -> list[float | None]:
    """Return the best kept value after each run of a curve; None before the first keep. A baseline
    begins again."""
    bests: list[float | None] = []
    best: float | None = None
    for run in curve:
        value = run.mean_or_value
        if run.status == "keep" and value is not None:
            fresh = best is None or run.reason is Reason.BASELINE
            best = value if fresh or best is None else run.metric.best([best, value])
        bests.append(best)
    return bests


def find_starts(curve: Sequence[FinishedRun]) -> list[int]:
    """Return the places of the baselines of a curve, from 0."""
    return [place for place, run in enumerate(curve) if run.reason is Reason.BASELINE]


def name_curves(curves: Sequence[Sequence[FinishedRun]]) -> list[str]:
    """Return a name for each curve, of what tells it from the others: one fact if that suffices,
    else all that differ; "" for the only one, "same place" for each if none differ."""
    facts = [
        (
            run.metric_name,
            run.device_name or run.device,
            f"branch {run.branch or '(none)'}",
            f"working tree {run.worktree or '(main)'}",
        )
        for run in (curve[-1] for curve in curves)
    ]
    if len(facts) < 2:
        return [""] * len(facts)
    columns = [*zip(*facts, strict=True)]
    for column in columns:
        if len(set(column)) == len(column):
            return [*column]
    differ = [column for column in columns if len(set(column)) > 1]
    return [", ".join(row) for row in zip(*differ, strict=True)] or ["same place"] * len(facts)
