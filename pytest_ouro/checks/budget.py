"""``budget-limit``: no run trained longer than its budget, by the supervisor's clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ouro.checks import Check
from pytest_ouro.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.observed import Evidence


@dataclass(frozen=True, kw_only=True)
class BudgetLimit(Check):
    """No parameters: budget, clock and tolerance are those that the run was recorded with."""

    stage = "run"

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        run = evidence.run
        if run is None or run.get("window_seconds") is None:
            return
        window, budget, tolerance = run["window_seconds"], run["budget"], run["tolerance"]
        if window > budget + tolerance:
            kind = "CPU seconds" if run["clock"] == "cpu" else "seconds"
            yield Finding(
                f"trained {window:.1f} {kind}, {window - budget:.1f} more than the budget of "
                f"{budget:g} (tolerance {tolerance:g})",
                where=f"run {run['run']}, commit {run['commit'][:7]}, {run['device']} profile",
                expected=f"at most {budget + tolerance:g}",
                actual=f"{window:.3f}",
                help="stop the training loop at TIME_BUDGET, and do nothing between the last step "
                "and the evaluation",
                facts={"window_seconds": window, "budget": budget},
            )
