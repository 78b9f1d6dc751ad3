"""What a verdict is told with: the memory, why nothing was compared, what was gained so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.evidence.records.verdicts import value_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.evidence.records.journal import Record

#: Reasons of runs that could not have been kept, however lucky they were.
_NO_TRIES = ("repeat", "unchanged", "seed-only", "rehearsal", "level")


def notes(run: Record, runs: Sequence[Record]) -> tuple[str, ...]:
    """Lines about a recorded run. ``runs`` can be compared with it; it is the last of them."""
    told = [memory(run), _apart(run), tally(runs)]
    return tuple(f"ouro: {line}" for line in told if line)


def memory(run: Record) -> str:
    """The peak, and its change against the reference's."""
    peak, best = run.get("peak_mb") or 0.0, run.get("best_peak_mb") or 0.0
    if run["status"] == "crash" or not peak:
        return ""
    change = f", {100 * (peak / best - 1):+.1f} % against best" if best else ""
    return f"memory {peak:.1f} MB{change}"


def _apart(run: Record) -> str:
    if run["reason"] != "baseline" or not run.get("apart"):
        return ""
    return f"a new baseline: no run before can be compared, they differ in {run['apart']}"


def tally(runs: Sequence[Record]) -> str:
    """The gain from the last baseline to the best, beside what noise alone would give."""
    starts = [i for i, run in enumerate(runs) if run["reason"] == "baseline"]
    since = runs[starts[-1] :] if starts else []
    tries = [
        run for run in since if run.get("val_bpb") is not None and run["reason"] not in _NO_TRIES
    ]
    if len(tries) < 2:
        return ""
    verdicts = {run["commit"]: run for run in tries}  # the last one on each commit
    kept = [value_of(run) for run in verdicts.values() if run["status"] == "keep"]
    first = value_of(since[0])
    higher = since[0].get("direction") == "higher"
    best = (max if higher else min)([first, *kept])
    text = f"{len(tries)} tries, {len(kept)} kept: {first:.6f} to {best:.6f}, a gain of "
    text += f"{abs(first - best):.6f}"
    if noise := tries[-1].get("noise"):
        text += f"; noise alone would give about {noise * luckiest(len(tries)):.6f}"
    return text


def luckiest(tries: int) -> float:
    """How many standard deviations the luckiest of so many runs lies from the mean, on average.

    The expected largest of independent normal draws: the integral over x > 0 of the chance that it
    lies above x, less the chance that it lies below -x.
    """
    from statistics import NormalDist

    normal, step = NormalDist(), 0.01
    points = (step * (i + 0.5) for i in range(900))
    return step * sum(1 - normal.cdf(x) ** tries - normal.cdf(-x) ** tries for x in points)
