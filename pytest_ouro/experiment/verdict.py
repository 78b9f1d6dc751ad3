"""Keep, discard or crash: a pure function of the measurement, the best so far and the noise."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_ouro.experiment.measurement import Outcome
    from pytest_ouro.tables import VerdictRule

Decision = Literal["keep", "discard", "crash"]


@dataclass(frozen=True)
class Candidate:
    """One run as a verdict sees it: its metric, and of its editable code the size in nodes of the
    syntax tree and digests of its meaning, with its seeds and without. ``value`` may be the mean of
    ``runs`` repeats."""

    value: float
    size: int
    code: str = ""
    seedless: str = ""
    commit: str = ""
    runs: int = 1


@dataclass(frozen=True)
class Verdict:
    status: Decision
    reason: str


def decide(
    outcome: Outcome,
    run: Candidate | None,
    best: Candidate | None,
    *,
    rule: VerdictRule,
    noise: float | None,
    direction: Literal["lower", "higher"] = "lower",
    rehearsal: bool = False,
    early: bool = False,
    below_level: bool = False,
) -> Verdict:
    """The verdict on ``run`` against the best kept one.

    ``noise`` is the standard deviation of one run (None: not known yet). An improvement counts
    beyond the ``margin``; a tie within it is broken by size: less code is kept. ``early``: repeats
    follow, and the last one decides.
    """
    if outcome != "ok" or run is None:
        return Verdict("crash", "crash" if outcome == "ok" else outcome)
    if not math.isfinite(run.value):
        return Verdict("crash", "nan")
    if rehearsal:
        return Verdict("discard", "rehearsal")
    if early:
        return Verdict("discard", "repeat")
    if below_level:
        return Verdict("discard", "level")
    if best is None:
        return Verdict("keep", "baseline")
    if run.code and run.code == best.code:
        return Verdict("discard", "unchanged")
    if run.seedless and run.seedless == best.seedless:
        return Verdict("discard", "seed-only")
    gained = gain(run, best, direction)
    within = margin(run, best, rule, noise)
    if gained > within:
        return Verdict("keep", "improved")
    if abs(gained) <= within and run.size < best.size:
        return Verdict("keep", "simpler")
    if gained > 0:
        return Verdict("discard", "within-noise") if rule.hard else Verdict("keep", "marginal")
    return Verdict("discard", "worse" if gained < 0 else "equal")


def gain(run: Candidate, best: Candidate, direction: Literal["lower", "higher"]) -> float:
    """How much better ``run`` is, in units of the metric, to the six decimals that are logged."""
    difference = best.value - run.value if direction == "lower" else run.value - best.value
    return round(difference, 6)


def margin(run: Candidate, best: Candidate, rule: VerdictRule, noise: float | None) -> float:
    """How much better ``run`` must be: ``rule.sigmas * noise``, and less between means of repeats,
    as the variance of a mean of n is a share 1/n of that of one run."""
    shares = 1 / run.runs + 1 / best.runs
    return float(rule.sigmas * (noise or 0.0) * (shares / 2) ** 0.5)


def noise_of(runs: Iterable[tuple[str, float]]) -> float | None:
    """The pooled standard deviation of repeats: ``(code, value)`` pairs; None without a repeat.

    Pooling weighs each code's variance by its degrees of freedom, n − 1.
    """
    groups: dict[str, list[float]] = {}
    for code, value in runs:
        groups.setdefault(code, []).append(value)
    repeats = [values for values in groups.values() if len(values) > 1]
    freedom = sum(len(values) - 1 for values in repeats)
    if not freedom:
        return None
    squares = sum(statistics.variance(values) * (len(values) - 1) for values in repeats)
    return float((squares / freedom) ** 0.5)
