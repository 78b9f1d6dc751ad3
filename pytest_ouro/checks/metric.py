"""``metric``: one plausible metric, measured and not claimed, orders the keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pytest_ouro.checks import Check
from pytest_ouro.checks._wording import describe_run
from pytest_ouro.core.fast_dataclass import dataclass, replace
from pytest_ouro.core.finding import Finding
from pytest_ouro.core.metric import PLAUSIBLE
from pytest_ouro.core.schema import Relation, option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.evidence import Evidence


@dataclass(frozen=True, kw_only=True)
class Metric(Check):
    """One finite and plausible metric, measured and not claimed, orders the keeps."""

    above: float = option(
        "a value of this or less cannot be true", default=PLAUSIBLE[0], min=-1e18, max=1e18
    )
    below: float = option(
        "a value of this or more cannot be true", default=PLAUSIBLE[1], min=-1e18, max=1e18
    )

    relations: ClassVar[tuple[Relation, ...]] = (
        Relation(("above", "below"), "`above` is less than `below`", lambda m: _order_fault(m)),
    )

    stage = "run"

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        run = evidence.run
        if run is not None and run.measured_value is not None:
            value = run.measured_value
            metric = replace(run.metric, plausible=(self.above, self.below))
            if not metric.is_plausible(value):
                yield Finding(
                    f"{metric.name} is {value:.6g}, which cannot be true",
                    where=describe_run(run),
                    expected=f"more than {self.above:g}, less than {self.below:g}",
                    actual=f"{value:.6g}",
                    help="the loss in evaluation must be the plain cross-entropy of each token",
                    facts={"value": value},
                )
        for kept in evidence.runs:
            if kept.status != "keep" or kept.gain is None:
                continue
            if kept.gain < -max(kept.tie_band, 0.0):
                yield Finding(
                    f"a run was kept although its {kept.metric.name} is worse than the best",
                    where=describe_run(kept),
                    expected=f"better than {kept.metric.text(kept.best)}",
                    actual=kept.metric.text(kept.value),
                    help="verdicts are made by the supervisor alone: run the commit again",
                    facts={"gain": kept.gain},
                )


def _order_fault(metric: Metric) -> str:
    if metric.above < metric.below:
        return ""
    return (
        f"'above' is {metric.above:g} and 'below' {metric.below:g}, so no value could be true: "
        "write an 'above' that is less than 'below'"
    )
