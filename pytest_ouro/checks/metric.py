"""``metric``: one plausible number, measured by us, orders the keeps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from pytest_ouro.checks import Check
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding
from pytest_ouro.core.schema import Relation, option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.evidence import Evidence
    from pytest_ouro.evidence.records.journal import Record


@dataclass(frozen=True, kw_only=True)
class Metric(Check):
    """One finite and plausible metric, measured by us, orders the keeps."""

    above: float = option(
        "a value of this or less cannot be true", default=0.0, min=-1e18, max=1e18
    )
    below: float = option(
        "a value of this or more cannot be true", default=20.0, min=-1e18, max=1e18
    )

    relations: ClassVar[tuple[Relation, ...]] = (
        Relation(("above", "below"), "`above` is less than `below`", lambda m: _order_fault(m)),
    )

    stage = "run"

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        run = evidence.run
        if run is not None and run.get("value") is not None:
            value = float(run["value"])
            if not (math.isfinite(value) and self.above < value < self.below):
                yield Finding(
                    f"{run['metric']} is {value:.6g}, which cannot be true",
                    where=where(run),
                    expected=f"more than {self.above:g}, less than {self.below:g}",
                    actual=f"{value:.6g}",
                    help="the loss in evaluation must be the plain cross-entropy of each token",
                    facts={"value": value},
                )
        for kept in evidence.runs:
            gain = kept.get("gain")
            if kept["status"] != "keep" or gain is None:
                continue
            if gain < -max(band_of(kept), 0.0):
                yield Finding(
                    f"a run was kept although its {kept['metric']} is worse than the best",
                    where=where(kept),
                    expected=f"better than {kept['best']:.6f}",
                    actual=f"{kept['val_bpb']:.6f}",
                    help="verdicts are made by the supervisor alone: run the commit again",
                    facts={"gain": gain},
                )


def _order_fault(metric: Metric) -> str:
    if metric.above < metric.below:
        return ""
    return (
        f"'above' is {metric.above:g} and 'below' {metric.below:g}, so no value could be true: "
        "write an 'above' that is less than 'below'"
    )


def band_of(run: Record) -> float:
    """How far a tie may lie from the best; in older records, the whole margin."""
    return float(run.get("band", run.get("margin")) or 0.0)


def where(run: Record) -> str:
    return f"run {run['run']}, commit {run['commit'][:7]}"
