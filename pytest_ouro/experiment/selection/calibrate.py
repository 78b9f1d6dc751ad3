"""Calibrate an experiment: measure how much runs of one code differ, and what part of that a common
salt cancels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.limits import PAIRS
from pytest_ouro.core.statistics.pairs import ALPHA, detectable
from pytest_ouro.core.statistics.spread import deviation, mean
from pytest_ouro.experiment.measurer import Serial
from pytest_ouro.experiment.selection.holding import hold_plan
from pytest_ouro.experiment.selection.pairs import Pairs, Unfinished
from pytest_ouro.experiment.selection.plan import describe, open_plan
from pytest_ouro.experiment.selection.selection import find_dependence, state
from pytest_ouro.messages import selection as messages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_ouro.bound.tables import Device
    from pytest_ouro.core.metric import Metric
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.statement import Statement
    from pytest_ouro.experiment.result import Result
    from pytest_ouro.experiment.selection.pairs import Pair
    from pytest_ouro.experiment.terms.job import Progress

_CORRECTED = "ouro: the speed of the machine explains part of it: pairs will be corrected for it"
#: The runs of a calibration if no other number is asked for: 2 with each of 4 salts.
RUNS = 8
#: A slope needs so many pairs, and must lower the squares of the errors to this share of theirs.
_LEAST_PAIRS, _HELPS = 4, 0.7


@dataclass(frozen=True)
class Noise:
    """How much runs of one code differ: the standard deviation ``sd`` of one run, in the metric's
    unit, and the share (0 to 1) of its variance that two runs with one salt have in common."""

    sd: float
    shared: float

    @classmethod
    def of(cls, pairs: Sequence[tuple[float, float]]) -> Noise:
        """Estimate the noise from the values of at least two pairs of runs; each pair has a salt of
        its own.

        By a one-way analysis of variance with two values a group: within the pairs, the mean square
        is the mean of d²/2, where d is the difference of a pair; between them, it is twice the
        variance of the pairs' means. A negative component counts as 0.
        """
        within = mean([(one - other) ** 2 / 2 for one, other in pairs])
        between = 2 * deviation([(one + other) / 2 for one, other in pairs]) ** 2
        common = max(0.0, (between - within) / 2)
        total = common + within
        return cls(math.sqrt(total), common / total if total else 0.0)

    @property
    def of_pair(self) -> float:
        """The standard deviation of a pair's gain, if the two codes share as much by one salt as
        two runs of one code: sd · sqrt(2 (1 - shared))."""
        return self.sd * math.sqrt(2 * (1 - self.shared))

    @property
    def paired(self) -> float:
        """The smallest gain that a usual certificate detects, if the two codes share as much by one
        salt as two runs of one code; 0 if these are equal."""
        return detectable(self.of_pair, PAIRS)

    @property
    def unshared(self) -> float:
        """The smallest gain that a usual certificate detects, if the two codes share nothing by one
        salt."""
        return detectable(self.sd * math.sqrt(2), PAIRS)


@dataclass(frozen=True)
class Calibration:
    """The result of a calibration. ``statement`` is its line in the journal; None if a run gave no
    value that counts: then ``result`` is that of the run, and ``message`` says why. ``runs`` is the
    number of runs in complete pairs."""

    metric: Metric
    runs: int
    statement: Statement | None = None
    result: Result | None = None
    message: str = ""

    @property
    def noise(self) -> Noise | None:
        """The measured noise; None without a statement, or if its values do not depend on the
        salts, so that the runs count as one."""
        one = self.statement
        if one is None or one.sd is None or one.shared is None:
            return None
        return Noise(one.sd, one.shared)

    def lines(self) -> tuple[str, ...]:
        """Return the lines that explain the numbers of the last line to a person or, without a
        statement, why there is none and how to go on."""
        one, noise, text = self.statement, self.noise, self.metric.text
        if one is None:
            why = f"a run gave no value that counts: {self.message}"
            return (f"ouro: {why}", f"ouro: {messages.GO_ON}")
        if noise is None:
            return (f"ouro: {one.counts_as_one}: the noise cannot be measured",)
        if not noise.sd:
            return ("ouro: runs of this code are equal: any difference that a try shows is real",)
        corrected = [] if one.slope is None else [_CORRECTED]
        paired, apart = text(noise.paired), text(noise.unshared)
        differ = f"runs of this code differ by {text(noise.sd)} (standard deviation of one run)"
        single = f"one try shows a gain of {text(_single(noise))} or more in 4 of 5 cases"
        if noise.paired:
            common = f"have {noise.shared:.0%} of the variance in common; a large edit shares less"
            shows = f"{paired} or more in 4 of 5 nights; of an edit that shares nothing, {apart}"
        else:
            common = "are equal; those of a large edit share less, often nothing"
            shows = (
                "any gain of an edit that draws the same random numbers; of one that shares "
                f"nothing, {apart} or more in 4 of 5 nights"
            )
        return (
            f"ouro: {differ}",
            f"ouro: two runs with one salt {common}",
            *corrected,
            f"ouro: {single}",
            f"ouro: a certificate of {PAIRS} pairs shows {shows}",
        )

    @property
    def last_line(self) -> str:
        """The stable line: ``ouro: calibrated noise=0.0019 shared=0.62 detectable=0.0021
        unshared=0.0034 runs=8 commit=…``; ``ouro: not-calibrated …`` if the runs count as one, and
        ``ouro: calibration-unfinished …`` if a run gave no value. The smallest gain that is
        detectable is ``any`` where runs with one salt are equal, ``shared`` is ``none`` where all
        runs are."""
        one, noise, text = self.statement, self.noise, self.metric.text
        if one is None:
            assert self.result is not None
            ends = f"commit={self.result.commit[:7]} reason={self.result.reason}"
            return f"ouro: calibration-unfinished runs={self.runs} {ends}"
        ends = f"runs={self.runs} commit={one.tip[:7]}"
        if noise is None:
            return f"ouro: not-calibrated {ends}"
        shared = f"{noise.shared:.2f}" if noise.sd else "none"
        smallest = [text(one) if one else "any" for one in (noise.paired, noise.unshared)]
        return (
            f"ouro: calibrated noise={text(noise.sd)} shared={shared} "
            f"detectable={smallest[0]} unshared={smallest[1]} {ends}"
        )


def find_slope(pairs: Sequence[Pair]) -> float | None:
    """Return by how much a value changes if the machine is e times as fast, estimated from the
    differences within pairs of runs of one code; None if that does not help to predict them, or if
    fewer than `_LEAST_PAIRS` pairs have both speeds and both values.

    It is the least-squares slope through the origin of d, the difference of a pair's values, on x,
    the difference of ln(speed). It helps if the slope of the other pairs predicts each d better
    than 0 does: the sum of the squares of the errors must be less than `_HELPS` times that of all
    d.
    """
    points = [
        (math.log(pair.tip.speed / pair.baseline.speed), pair.tip.value - pair.baseline.value)
        for pair in pairs
        if pair.tip.speed and pair.baseline.speed
        if pair.tip.value is not None and pair.baseline.value is not None
    ]
    if len(points) < _LEAST_PAIRS:
        return None
    others = [_slope([*points[:i], *points[i + 1 :]]) for i in range(len(points))]
    errors = [(d - slope * x) ** 2 for (x, d), slope in zip(points, others, strict=True)]
    total = math.fsum(d**2 for _, d in points)
    return _slope(points) if math.fsum(errors) < _HELPS * total else None


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the least-squares slope of a line through the origin; 0 if all x are 0."""
    squares = math.fsum(x**2 for x, _ in points)
    return math.fsum(x * d for x, d in points) / squares if squares else 0.0


def _single(noise: Noise) -> float:
    """Return the smallest true gain that a single try, compared with a single run at another salt,
    shows in 4 of 5 cases at an error of 5 %: 2.49 · sqrt(2) · sd (1.645 and 0.842 are the quantiles
    of the normal distribution at 0.95 and 0.8)."""
    return (1.645 + 0.842) * math.sqrt(2) * noise.sd


def calibrate(
    case: Case,
    *,
    runs: int = RUNS,
    device: Device | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Calibration:
    """Run the checked commit ``runs`` times (an even number, at least 4), two runs with each salt;
    record the noise, and return it. If a run gives no value that counts, no noise is recorded, and
    what is returned says why.

    A calibration that was begun and has no result is continued, with its own number of runs. The
    runs count for ``noise = "auto"`` too. Raise OuroError, mostly ExperimentError, if a run cannot
    be made.
    """
    commit, metric = case.repository.head, case.experiment.described_metric
    plan, continued = open_plan(case, "calibration", commit, commit, pairs=runs // 2)
    say(describe(plan, continued=continued))
    pairs = Pairs(case, plan, Serial(case, device, progress, say), say)
    with hold_plan(case, plan.id):
        try:
            done = pairs.run(len(plan.pairs))
        except Unfinished as error:
            return Calibration(metric, 2 * len(pairs.done), None, error.result, error.message)
        values = [(pair.baseline.value or 0.0, pair.tip.value or 0.0) for pair in done]
        facts: dict[str, object] = {}
        if not find_dependence(done, strict=False):
            noise = Noise.of(values)
            facts = {"sd": noise.sd, "shared": noise.shared, "slope": find_slope(done)}
        statement = state(case, plan, done, "measured", ALPHA, None, None, **facts)
        return Calibration(metric, 2 * len(done), case.evidence.journal.append(statement))
