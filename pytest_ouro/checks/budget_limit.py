"""``budget-limit``: a run trains no longer than its budget, by the supervisor's clock."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_ouro.checks import Check
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding, describe_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.evidence import Evidence
    from pytest_ouro.evidence.records.run_record import MeasuredRun


_LONG = (
    "stop the training loop at TIME_BUDGET, and do nothing between the last step and the evaluation"
)
#: Outcomes of runs that ended in the midst of training or evaluation: their length means nothing.
CUT_SHORT = ("crash", "oom", "nan", "interrupted", "lost", "not-started")
_LATE = (
    "compile and load what inference needs before the first training batch: call model(x) there "
    "as the judge does, under torch.no_grad(), with batch_size rows; if each answer is slow, end "
    "the training earlier by the time that is charged, or have a person lower judged-rows"
)


@dataclass(frozen=True, kw_only=True)
class BudgetLimit(Check):
    """No run trains longer than its budget and the tolerance, by the supervisor's clock. It starts
    with the first training batch, or as the warm-up and start-up keys of ``[experiment]`` say, and
    ends with the call of the evaluation; all of a ``command`` is timed. When the judge asks the
    script for predictions, time that an answer takes beyond the model's inference counts as
    training. With ``clock = "steps"`` no run has more training batches than ``steps``, and the
    first one comes in time. A run passes if it was not timed, or if it crashed, was interrupted or
    lost, or never started. Where runs are logged by hand, the ``training_seconds`` of ``run.log``
    are judged."""

    stage = "run"
    judges_claims = True

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield one finding if a ``run.log`` that is judged as a claim says that the last run
        trained too long, and one if the run did by the supervisor's clock; under the clock
        ``steps`` those of `judge_steps` instead. The latter are left out without a run, if the run
        was not timed, or if its outcome is in `CUT_SHORT`."""
        if evidence.claimed:
            from pytest_ouro.checks._claims.budget import judge_log

            yield from judge_log(evidence)
        run = evidence.run
        if run is None or run.window_seconds is None or run.outcome in CUT_SHORT:
            return
        if run.steps:
            from pytest_ouro.checks._steps import judge_steps

            yield from judge_steps(run)
            return
        over = run.window_seconds - run.budget
        if over > run.tolerance:
            late = over - run.charged_seconds <= run.tolerance
            help = _LATE if late else _advise(run, over)
            yield window_finding(run, f"{over:.1f} more than", help=help)


def _advise(run: MeasuredRun, over: float) -> str:
    """Return what to do about a training that took ``over`` seconds too long. It depends on what
    started the clock, on the training time that the script itself did not count, and on the length
    of a step."""
    pace = run.pace
    if run.clock_start == "startup-seconds":
        return (
            "load and compile less before the first batch, or a person raises 'startup-seconds' "
            f"above {run.clock_after:g} (compilation counts as training after that)"
        )
    if run.clock_start == "warmup-seconds":
        return (
            "make the warm-up shorter, or a person raises 'warmup-seconds': the clock started when "
            "they had passed, before 'warmup-tokens' were served (a batch that is not a tensor "
            "counts as one token)"
        )
    claimed = claimed_seconds(run)
    uncounted = (run.window_seconds or 0.0) - claimed if claimed is not None else 0.0
    if pace and pace["slow"] and uncounted > run.tolerance:
        slow, tokens = pace["slow"], pace["slow"] * pace["tokens"]
        seconds = max(1, math.ceil(2 * pace["slow-seconds"]))
        return (
            f"the script does not count its first {slow:.0f} batches, and our clock does: warm up "
            "before the first batch is served (model(x, y) on random tokens), count every step, or "
            f"a person sets warmup-tokens = {tokens:.0f} and warmup-seconds = {seconds}"
        )
    step = _step_seconds(run)
    if step > run.tolerance:
        return (
            f"a step takes {step:.2g} s, and the tolerance is {run.tolerance:g}: end the loop if "
            "the next step would pass TIME_BUDGET, accumulate fewer batches in a step, or a person "
            f"raises 'tolerance' above {step:.2g}"
        )
    return _LONG


def claimed_seconds(run: MeasuredRun) -> float | None:
    """Return the training time in seconds that the script printed as ``training_seconds``; None if
    it printed no finite number."""
    value = _number(run, "training_seconds")
    return value if value is not None and math.isfinite(value) else None


def _step_seconds(run: MeasuredRun) -> float:
    """Return the seconds of one training step: the training time divided by the number of steps
    that the script printed, or else the length of the longest batch; 0 if neither is known."""
    steps = _number(run, "num_steps")
    if steps and steps >= 1:
        return (run.window_seconds or 0.0) / steps
    return run.pace["longest"] if run.pace else 0.0


def _number(run: MeasuredRun, name: str) -> float | None:
    """Return the number that the script printed as ``name: value``; None if it printed no such
    line, or the value is not a number. It may be infinite or NaN."""
    try:
        return float(run.claims[name])
    except (KeyError, ValueError):
        return None


def window_finding(run: MeasuredRun, difference: str, *, help: str) -> Finding:
    """Return the finding that a run trained too long, or not long enough. ``difference`` says by
    how many seconds, such as ``3.2 more than``, and ``help`` what to do about it."""
    from pytest_ouro.evidence.records.pace import describe_pace  # only for what is broken

    window, budget, tolerance = run.window_seconds or 0.0, run.budget, run.tolerance
    kind = "CPU seconds" if run.clock == "cpu" else "seconds"
    charged = run.charged_seconds
    late = f", {charged:.1f} of them while the judge waited" if charged >= 0.05 else ""
    return Finding(
        f"trained {window:.1f} {kind}{late}, {difference} the budget of {budget:g} "
        f"(tolerance {tolerance:g})",
        where=where(run) + describe_pace(run),
        expected=f"{budget - tolerance:g} to {budget + tolerance:g}",
        actual=f"{window:.3f}",
        help=help,
        facts={"window_seconds": window, "budget": budget},
    )


def where(run: MeasuredRun) -> str:
    """Return the words by which a finding names a run and its profile:
    ``run …, commit …, cpu profile``."""
    return f"{describe_run(run.run, run.commit)}, {run.device} profile"
