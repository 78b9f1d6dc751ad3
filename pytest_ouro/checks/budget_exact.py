"""``budget-exact``: a run trains for the whole budget, and prints that time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.checks import Check
from pytest_ouro.checks.budget_limit import (
    CUT_SHORT,
    BudgetLimit,
    claimed_seconds,
    where,
    window_finding,
)
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.evidence import Evidence


@dataclass(frozen=True, kw_only=True)
class BudgetExact(Check):
    """A run that called its evaluation trained for the whole budget, neither more nor less, within
    the tolerance. If it printed a training time, that agrees with the measured one. With
    ``clock = "steps"`` it had exactly ``steps`` training batches. A run without an evaluation may
    train too short. A run passes if it crashed, was interrupted or lost, or never
    started."""

    stage = "run"
    judges_claims = True

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield the findings of `BudgetLimit`, one if a ``run.log`` that is judged as a claim says
        that the last run trained too short, and at most two about the run: that it trained too
        short, and that it printed a training time that differs from the measured one by more than
        the tolerance. Under the clock ``steps`` they are one that too few batches were counted.

        Those are yielded only if the run called its evaluation and its outcome is not in
        `CUT_SHORT`. A run that was not timed counts as 0 seconds of training.
        """
        yield from BudgetLimit().findings(evidence)
        if evidence.claimed:
            from pytest_ouro.checks._claims.budget import judge_log

            yield from judge_log(evidence, short=True)
        run = evidence.run
        if run is None or not run.evaluations or run.outcome in CUT_SHORT:
            return
        if run.steps:
            from pytest_ouro.checks._steps import judge_steps

            yield from judge_steps(run, fewer=True)
            return
        window = run.window_seconds or 0.0
        short = run.budget - window
        if short > run.tolerance:
            yield window_finding(
                run,
                f"{short:.1f} less than",
                help="train until TIME_BUDGET has passed, counted from the first batch",
            )
        claimed = claimed_seconds(run)
        if claimed is not None and abs(claimed - window) > run.tolerance:
            yield Finding(
                f"printed training_seconds {claimed:.1f}, but {window:.1f} were measured",
                where=where(run),
                expected=f"{window:.3f}",
                actual=f"{claimed:.3f}",
                help="charge every step, and nothing but steps, to training_seconds",
                facts={"claimed": claimed},
            )
