"""Decide on a run: a pure function of the measurement, the last keep and the noise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass, field
from pytest_ouro.core.statistics.spread import deviation
from pytest_ouro.evidence.records.reasons import RECORDED, Reason
from pytest_ouro.evidence.records.verdicts import CLEAR, LITERAL, saving

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pytest_ouro.bound.tables import VerdictRule
    from pytest_ouro.core.metric import Metric
    from pytest_ouro.evidence.records.run_record import Outcome

#: How many standard errors of the difference a clear loser is worse than the reference, so that its
#: repeats are stopped. A single run of code that is as good is one by luck once in 740 times.
LOSER = 3.0
#: Within how many standard errors of their difference two runs tie: for two single runs, within one
#: standard deviation of a run.
TIE = 0.5**0.5


@dataclass(frozen=True)
class Candidate:
    """A run for comparison.

    ``value`` is its metric, the mean of ``runs`` independent repeats. ``sizes`` are those of its
    editable code by kind (``evidence.languages``), ``code`` and ``seedless`` digests of the code's
    meaning with and without its seeds, and ``files`` git's ids of the editable files by path. A
    digest "" is not known: it counts as different from every other, "" too.
    """

    value: float
    sizes: Mapping[str, int]
    code: str = ""
    seedless: str = ""
    runs: int = 1
    files: Mapping[str, str] = field(default_factory=dict)


def decide(
    outcome: Outcome,
    run: Candidate | None,
    best: Candidate | None,
    *,
    rule: VerdictRule,
    noise: float | None,
    metric: Metric,
    peak: float | None = None,
    earlier: Collection[Candidate] = (),
    rehearsal: bool = False,
    early: bool = False,
    below_level: bool = False,
    read: bool = False,
    aside: Reason | None = None,
) -> Reason:
    """Return the reason of the verdict on ``run`` against ``best``, the last keep on its branch.

    ``run`` is None if there is no value. ``best`` is None if nothing is kept: then the run becomes
    the baseline. A failed ``outcome`` is the reason itself; an "ok" run without a value is a crash,
    and one with a value that is not finite has the reason "nan". A ``rehearsal``, an ``early`` run
    (repeats follow, of which the last one decides) and one ``below_level`` are discarded without a
    comparison, and so is one that does not try a commit: its reason is ``aside``.

    Known code is discarded too: that of ``best`` or of one of ``earlier``, the runs that lost to
    it, even with other seeds. There is one exception. With ``read``, the evaluation may read the
    files, so that comments and layout may change the metric: then the same code in files of other
    content is kept if it is an improvement.

    A gain is kept if it exceeds ``rule.margin`` standard errors of the difference
    (`standard_error`), which follow from ``noise``, the standard deviation of one run (None: not
    known yet). It is an improvement if it also exceeds ``CLEAR`` of them; else it is marginal. A
    run that ties with ``best`` (`is_tie`) is kept if its code is smaller in one kind by more than
    ``LITERAL`` and larger in none. ``peak`` is the best value of the keeps on the branch (None:
    that of ``best``); a run that is worse than it by more than the `band` is not a tie.
    """
    if outcome != "ok" or run is None:
        return Reason.CRASH if outcome == "ok" else RECORDED[outcome]
    if not math.isfinite(run.value):
        return Reason.NAN
    if rehearsal:
        return Reason.REHEARSAL
    if aside is not None:
        return aside
    if early:
        return Reason.REPEAT
    if below_level:
        return Reason.LEVEL
    if best is None:
        return Reason.BASELINE
    gained = metric.gain(run.value, best.value)
    error = standard_error(run, best, noise)
    least, clear = rule.margin * error, CLEAR * error
    is_improved = gained > max(least, clear)
    others = (best, *earlier)
    same = [other for other in others if run.code and run.code == other.code]
    if any(not (read and is_improved and run.files != other.files) for other in same):
        return Reason.UNCHANGED
    if not same and run.seedless and run.seedless in {other.seedless for other in others}:
        return Reason.SEED_ONLY
    if is_improved:
        return Reason.IMPROVED if noise is not None else Reason.NOISE_UNKNOWN
    lost = metric.gain(run.value, best.value if peak is None else peak)
    saved = saving(best.sizes, run.sizes)
    if is_tie(gained, lost, band(error), least) and saved and saved.less > LITERAL:
        return Reason.SIMPLER
    if gained > least:
        return Reason.MARGINAL
    if gained == 0:
        return Reason.EQUAL
    return Reason.WITHIN_NOISE if gained > 0 or -gained <= clear else Reason.WORSE


def is_clear_loser(run: Candidate, best: Candidate, *, noise: float | None, metric: Metric) -> bool:
    """Return whether ``run`` is worse than ``best`` by more than ``LOSER`` standard errors of the
    difference, so that its repeats need not be made. False if the noise is not known (None), if the
    value is not finite, or for the code of ``best``, with its seeds or others, whose repeats show
    the noise."""
    same = bool(run.code) and run.code == best.code
    reseeded = bool(run.seedless) and run.seedless == best.seedless
    if noise is None or same or reseeded or not math.isfinite(run.value):
        return False
    return -metric.gain(run.value, best.value) > LOSER * standard_error(run, best, noise)


def is_tie(gained: float, lost: float, within: float, least: float) -> bool:
    """Return whether a run ties with the last keep; ``within`` is the band, ``least`` the gain that
    the margin asks for.

    Its gain over the last keep (``gained``, negative for a loss) must lie between minus the band
    and the band, or above that be too small for the margin: a run that is better must not lose
    where a worse one ties. Its gain over the best value ever kept (``lost``, negative for a loss)
    must be at least minus the band, so that ties, each of which may be a small loss, do not add up.
    """
    return -within <= gained <= max(within, least) and lost >= -within


def standard_error(run: Candidate, best: Candidate, noise: float | None) -> float:
    """Return the standard error of the difference of two values: ``noise * sqrt(1/n + 1/m)``, where
    n and m are the numbers of independent runs that the values of ``run`` and ``best`` are means
    of; for two single runs ``noise * sqrt(2)``. 0 if the noise is not known (None)."""
    return float((noise or 0.0) * (1 / run.runs + 1 / best.runs) ** 0.5)


def band(error: float) -> float:
    """Return the band: the greatest loss with which a run still ties (`is_tie`), and the greatest
    gain too unless the margin is higher. It is ``TIE`` times ``error``, the standard error of the
    difference."""
    return TIE * error


def noise_of(runs: Iterable[tuple[str, float]]) -> float | None:
    """Return the pooled standard deviation of the values of runs, given as pairs ``(code, value)``;
    None if no code was run twice or more.

    Codes that were run once do not count. Pooling weighs the variance of each code by its degrees
    of freedom, n − 1.
    """
    groups: dict[str, list[float]] = {}
    for code, value in runs:
        groups.setdefault(code, []).append(value)
    repeats = [values for values in groups.values() if len(values) > 1]
    freedom = sum(len(values) - 1 for values in repeats)
    if not freedom:
        return None
    squares = sum(deviation(values) ** 2 * (len(values) - 1) for values in repeats)
    return float((squares / freedom) ** 0.5)
