"""Keep, discard or crash: a pure function of the measurement, the last keep and the noise."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_ouro.evidence.records.verdicts import LITERAL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pytest_ouro.bound.tables import VerdictRule
    from pytest_ouro.experiment.terms.measurement import Outcome

Decision = Literal["keep", "discard", "crash"]


#: The share of the margin within which two runs tie.
TIE = 0.5


@dataclass(frozen=True)
class Candidate:
    """One run as a verdict sees it: its metric, and of its editable code the size
    (``evidence.source.Source.size``) and digests of its meaning, with its seeds and without.
    ``value`` may be the mean of ``runs`` repeats."""

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
    peak: float | None = None,
    earlier: Collection[Candidate] = (),
    rehearsal: bool = False,
    early: bool = False,
    below_level: bool = False,
) -> Verdict:
    """The verdict on ``run`` against ``best``, the last keep on its branch.

    ``noise`` is the standard deviation of one run (None: not known yet). An improvement counts
    beyond the ``margin``; a tie, within the ``band``, is broken by size: less code is kept, unless
    it is worse by more than the band than ``peak``, the best value that was ever kept on the
    branch. ``earlier`` are runs that lost to ``best``: their code is not tried again. ``early``:
    repeats follow, and the last one decides.
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
    if run.code and run.code in {other.code for other in (best, *earlier)}:
        return Verdict("discard", "unchanged")
    if run.seedless and run.seedless in {other.seedless for other in (best, *earlier)}:
        return Verdict("discard", "seed-only")
    gained = gain(run.value, best.value, direction)
    within = margin(run, best, rule, noise)
    if gained > within:
        return Verdict("keep", "improved")
    lost = gain(run.value, best.value if peak is None else peak, direction)
    if is_tie(gained, lost, band(within)) and best.size - run.size > LITERAL:
        return Verdict("keep", "simpler")
    if gained > 0 and not rule.hard:
        return Verdict("keep", "marginal")
    if gained == 0:
        return Verdict("discard", "equal")
    return Verdict("discard", "within-noise" if abs(gained) <= within else "worse")


def is_tie(gained: float, lost: float, within: float) -> bool:
    """Whether a gain is too small to count, and nothing is lost against the best value ever kept.

    The second demand keeps ties from adding up: each alone may be a small loss.
    """
    return abs(gained) <= within and lost >= -within


def gain(value: float, best: float, direction: Literal["lower", "higher"]) -> float:
    """How much better ``value`` is, in units of the metric, to the six decimals that are logged."""
    return round(best - value if direction == "lower" else value - best, 6)


def margin(run: Candidate, best: Candidate, rule: VerdictRule, noise: float | None) -> float:
    """How much better ``run`` must be: ``rule.sigmas * noise``, and less between means of repeats,
    as the variance of a mean of n is a share 1/n of that of one run."""
    shares = 1 / run.runs + 1 / best.runs
    return float(rule.sigmas * (noise or 0.0) * (shares / 2) ** 0.5)


def band(margin: float) -> float:
    """How far apart two runs may lie to tie: half of the margin, which an improvement must exceed.

    Rounded as gains are, so that a gain at its edge is not decided by a float's last bits.
    """
    return round(TIE * margin, 6)


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
