"""The records of what several runs together show: certificates, confirmations, ablations,
calibrations and looks into the vault."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.fast_dataclass import dataclass, field
from pytest_ouro.core.metric import DECIMALS, Direction, Metric
from pytest_ouro.evidence.records.kinds import (
    COMMIT,
    COUNT,
    DIGEST,
    DIRECTION,
    LEVEL,
    NUMBER,
    RUN,
    SHOWN_DECIMALS,
    STATEMENT_EVENT,
    STATEMENT_RESULT,
    TABLES,
    TEXT,
    TEXTS,
    TRUST,
    about,
    optional,
)
from pytest_ouro.evidence.records.line import Event, Line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ouro.evidence.records.run_record import FinishedRun

#: The result of a statement. "stated": it announces a plan, and its runs are still to come.
StatementResult = Literal[
    "stated", "granted", "not-granted", "confirmed", "refuted", "undecided", "measured"
]


@dataclass(frozen=True, kw_only=True)
class Statement(Line):
    """What the runs of one plan together show of two commits, the ``baseline`` and the ``tip``.

    A certificate compares the first commit of a night with its last keep, a confirmation a kept
    commit with the keep before it, and an ablation the last keep with itself without a group of
    edits. A calibration measures one commit several times (``baseline`` and ``tip`` are the same).
    A look compares the kept runs of two commits on the vault's rows. Gains are positive if the tip
    is better, whatever the metric's direction.
    """

    event: Event = field(metadata=about(STATEMENT_EVENT, "which kind of statement it is"))
    plan: str = field(metadata=about(RUN, "id of the plan, which its runs have too"))
    result: StatementResult = field(metadata=about(STATEMENT_RESULT, "what it came to"))
    baseline: str = field(metadata=about(COMMIT, "the commit that the tip is compared with"))
    tip: str = field(metadata=about(COMMIT, "the commit that the statement is about"))
    night: str = optional(
        "", TRUST, "the first commit of the night, whose looks of this kind are counted"
    )
    pairs: tuple[Mapping[str, object], ...] = optional(
        (),
        TABLES,
        "the pairs of runs, each with one salt: `salt`, `first` (`baseline` or `tip`), the values "
        "`baseline` and `tip`, and `runs`, the ids of the two runs in that order",
    )
    look: int = optional(1, COUNT, "number of this look in the same night, from 1")
    looks: int = optional(0, COUNT, "how many looks were stated before the first; 0 for none")
    alpha: float | None = optional(
        None,
        NUMBER.or_null(),
        "largest probability of an error that this look may use; in the result of a confirmation, "
        "the third of it that each of its tests may use",
    )
    gain: float | None = optional(None, NUMBER.or_null(), "mean of the pairs' gains")
    se: float | None = optional(None, NUMBER.or_null(), "standard error of that mean")
    low: float | None = optional(
        None, NUMBER.or_null(), "one-sided lower bound of the gain, at `alpha`"
    )
    high: float | None = optional(
        None, NUMBER.or_null(), "one-sided upper bound of the gain, at `alpha`"
    )
    p_flip: float | None = optional(
        None, NUMBER.or_null(), "one-sided p of the exact sign-flip test; null if not computed"
    )
    detectable: float | None = optional(
        None,
        NUMBER.or_null(),
        "smallest gain that as many pairs would find in 4 of 5 cases; null where "
        "their gains are all equal",
    )
    claimed: float | None = optional(
        None, NUMBER.or_null(), "the gain that the search runs of the two commits claim"
    )
    runs: tuple[str, ...] = optional(
        (),
        TEXTS,
        "in a look: the ids of the kept runs of the two commits, that of `baseline` first",
    )
    gap: float | None = optional(
        None,
        NUMBER.or_null(),
        "in a look: how much larger the gain is on the scored rows than on the vault's; then `se`, "
        "`low`, `high` and `detectable` are of this gap, and `claimed` is the gain on the scored "
        "rows",
    )
    rows_se: float | None = optional(
        None,
        NUMBER.or_null(),
        "for claims beyond the judged rows: standard error of the gain that is due to their choice",
    )
    counts_as_one: str = optional(
        "", TEXT, "why the pairs count as one and show nothing; empty if they are independent"
    )
    slope: float | None = optional(
        None,
        NUMBER.or_null(),
        "by how much a value changes if the machine is e times as fast, which was measured by a "
        "calibration, and by which gains are corrected; null if they are not",
    )
    margin: float | None = optional(
        None,
        NUMBER.or_null(),
        "in a confirmation of a `simpler` keep: what it may lose, the band within which it tied; "
        "null if the tip must gain",
    )
    failed: tuple[str, ...] = optional(
        (),
        TEXTS,
        "ids of the runs of the plan that gave no value that counts; each halves the alpha",
    )
    against: str = optional(
        "", TEXT, "why nothing is granted to the tip, whatever the values show; empty if nothing is"
    )
    sd: float | None = optional(None, NUMBER.or_null(), "standard deviation of one run")
    shared: float | None = optional(
        None, NUMBER.or_null(), "share of the variance that two runs with one salt have in common"
    )
    level: str | None = optional(None, LEVEL, "lowest level of assurance of the runs")
    metric_name: str = optional("", TEXT, "name of the metric", key="metric")
    direction: Direction = optional("lower", DIRECTION, "direction in which the metric is better")
    unit: str = optional("", TEXT, "unit of the metric; empty if it is not stated")
    decimals: int | None = optional(
        DECIMALS, SHOWN_DECIMALS.or_null(), "decimals of the metric that are shown"
    )
    harness: str = optional("", TEXT, "digest of the code that measures the metric")
    data: str = optional("", TEXT, "digest of the data")
    trust: str = optional("", TRUST, "the trusted commit")
    device: str = optional("", TEXT, "profile: cpu or cuda")
    device_name: str = optional("", TEXT, "model of the device")
    evidence: str = optional(
        "", DIGEST, "sha256 of the finished lines of the runs, in the order of the pairs"
    )
    worktree: str | None = optional(None, TEXT, "name of the working tree, as in a run")
    branch: str = optional("", TEXT, "branch that was checked out; empty for none")
    holds: tuple[str, ...] = optional((), TEXTS, "names of the devices that the runs had locked")

    @property
    def owner(self) -> str:
        """The id of the plan."""
        return self.plan

    @property
    def metric(self) -> Metric:
        """The metric as recorded; its ``plausible`` range is not recorded."""
        return Metric(self.metric_name, self.direction, self.unit, decimals=self.decimals)


def paired_gain(
    baseline: FinishedRun, tip: FinishedRun, slope: float | None = None
) -> float | None:
    """Return how much better one run, the tip, is than another, in the metric's unit; None if one
    of them has no value.

    With a ``slope`` (see `Statement`), and if the speed of the machine is known for both runs, the
    tip's value is corrected to the speed at which the baseline ran: less slope · ln(speed of the
    tip's run / speed of the baseline's).
    """
    if baseline.value is None or tip.value is None:
        return None
    value = tip.value
    if slope is not None and baseline.speed and tip.speed:
        value -= slope * math.log(tip.speed / baseline.speed)
    return tip.metric.gain(value, baseline.value)
