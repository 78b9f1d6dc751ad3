"""What a verdict is told with: the memory, why nothing was compared, what was gained so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.evidence.records.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.evidence.records.run_record import FinishedRun


def notes(run: FinishedRun, runs: Sequence[FinishedRun]) -> tuple[str, ...]:
    """Lines about a recorded run. ``runs`` can be compared with it; it is the last of them."""
    told = [memory(run), _apart(run), tally(runs)]
    return tuple(f"ouro: {line}" for line in told if line)


def memory(run: FinishedRun) -> str:
    """The peak, and its change against the reference's."""
    peak, best = run.peak_mb or 0.0, run.best_peak_mb or 0.0
    if run.status == "crash" or not peak:
        return ""
    change = f", {100 * (peak / best - 1):+.1f} % against best" if best else ""
    return f"memory {peak:.1f} MB{change}"


def _apart(run: FinishedRun) -> str:
    if run.reason is not Reason.BASELINE or not run.apart:
        return ""
    return f"a new baseline: no run before can be compared, they differ in {run.apart}"


def tally(runs: Sequence[FinishedRun]) -> str:
    """The gain from the last baseline to the best, beside what noise alone would give."""
    starts = [i for i, run in enumerate(runs) if run.reason is Reason.BASELINE]
    since = runs[starts[-1] :] if starts else []
    tries = [run for run in since if run.value is not None and run.reason.counts_as_try]
    if len(tries) < 2:
        return ""
    verdicts = {run.commit: run for run in tries}  # the last one on each commit
    kept = [_value(run) for run in verdicts.values() if run.status == "keep"]
    metric, first = since[0].metric, _value(since[0])
    best = metric.best([first, *kept])
    gained = metric.text(abs(first - best))
    text = f"{len(tries)} tries, {len(kept)} kept: {metric.text(first)} to {metric.text(best)}, "
    text += f"a gain of {gained}"
    if noise := tries[-1].noise:
        chance = metric.text(noise * luckiest(len(tries)))
        text += f"; noise alone would give about {chance}"
    return text


def _value(run: FinishedRun) -> float:
    value = run.mean_or_value
    assert value is not None
    return value


def luckiest(tries: int) -> float:
    """How many standard deviations the luckiest of so many runs lies from the mean, on average.

    The expected largest of independent normal draws: the integral over x > 0 of the chance that it
    lies above x, less the chance that it lies below -x.
    """
    from statistics import NormalDist

    normal, step = NormalDist(), 0.01
    points = (step * (i + 0.5) for i in range(900))
    return step * sum(1 - normal.cdf(x) ** tries - normal.cdf(-x) ** tries for x in points)
