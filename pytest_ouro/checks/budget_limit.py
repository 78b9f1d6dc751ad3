"""``budget-limit``: a run trains no longer than its budget, by the supervisor's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.checks import Check
from pytest_ouro.checks._wording import describe_run
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.evidence import Evidence
    from pytest_ouro.evidence.records.run_record import MeasuredRun


_LONG = (
    "stop the training loop at TIME_BUDGET, and do nothing between the last step and the evaluation"
)
_LATE = (
    "compile and load what inference needs before the first training batch: call model(x) there "
    "as the judge does, under torch.no_grad(), with batch_size rows; if each answer is slow, end "
    "the training earlier by the time that is charged, or have a person lower judged-rows"
)


@dataclass(frozen=True, kw_only=True)
class BudgetLimit(Check):
    """No run trains longer than its budget and the tolerance, by the supervisor's clock: from the
    first training batch to the call of the evaluation. Time that answers to the judge take beyond
    inference counts as training. A run that was not timed passes."""

    stage = "run"

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        run = evidence.run
        if run is None or run.window_seconds is None:
            return
        over = run.window_seconds - run.budget
        if over > run.tolerance:
            late = over - run.charged_seconds <= run.tolerance
            yield window_finding(run, f"{over:.1f} more than", help=_LATE if late else _LONG)


def window_finding(run: MeasuredRun, difference: str, *, help: str) -> Finding:
    """Return the finding that a run trained too long, or not long enough. ``difference`` says by
    how much, such as ``3.2 more than``, and ``help`` what to do about it."""
    window, budget, tolerance = run.window_seconds or 0.0, run.budget, run.tolerance
    kind = "CPU seconds" if run.clock == "cpu" else "seconds"
    charged = run.charged_seconds
    late = f", {charged:.1f} of them while the judge waited" if charged >= 0.05 else ""
    return Finding(
        f"trained {window:.1f} {kind}{late}, {difference} the budget of {budget:g} "
        f"(tolerance {tolerance:g})",
        where=where(run),
        expected=f"{budget - tolerance:g} to {budget + tolerance:g}",
        actual=f"{window:.3f}",
        help=help,
        facts={"window_seconds": window, "budget": budget},
    )


def where(run: MeasuredRun) -> str:
    """Return the words by which a finding names a run and its profile:
    ``run …, commit …, cpu profile``."""
    return f"{describe_run(run)}, {run.device} profile"
