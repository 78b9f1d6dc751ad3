"""Keep, discard or crash: a pure function of the measurement, the best so far and the noise."""

from __future__ import annotations

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
    syntax tree and digests of its meaning, with its seeds and without."""

    value: float
    size: int
    code: str = ""
    seedless: str = ""
    commit: str = ""


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
    below_level: bool = False,
) -> Verdict:
    """The verdict on ``run`` against the best kept one.

    ``noise`` is the standard deviation of one run (None: not known yet). An improvement counts
    beyond ``rule.sigmas * noise``; a tie within it is broken by size: less code is kept.
    """
    if outcome != "ok" or run is None:
        return Verdict("crash", "crash" if outcome == "ok" else outcome)
    if rehearsal:
        return Verdict("discard", "rehearsal")
    if below_level:
        return Verdict("discard", "level")
    if best is None:
        return Verdict("keep", "baseline")
    if run.code and run.code == best.code:
        return Verdict("discard", "unchanged")
    if run.seedless and run.seedless == best.seedless:
        return Verdict("discard", "seed-only")
    gained = gain(run, best, direction)
    margin = rule.sigmas * noise if noise else 0.0
    if gained > margin:
        return Verdict("keep", "improved")
    if abs(gained) <= margin and run.size < best.size:
        return Verdict("keep", "simpler")
    if gained > 0:
        return Verdict("discard", "within-noise") if rule.hard else Verdict("keep", "marginal")
    return Verdict("discard", "worse" if gained < 0 else "equal")


def gain(run: Candidate, best: Candidate, direction: Literal["lower", "higher"]) -> float:
    """How much better ``run`` is, in units of the metric, to the six decimals that are logged."""
    difference = best.value - run.value if direction == "lower" else run.value - best.value
    return round(difference, 6)


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
