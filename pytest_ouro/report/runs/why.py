"""Say in words why a run has its verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.evidence.records.verdicts import noise_explains, saved
from pytest_ouro.experiment.verdict.history import find_same_code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.evidence.records.run_record import FinishedRun


def explain_verdict(run: FinishedRun, runs: Sequence[FinishedRun]) -> str:
    """Return in words why ``run`` has its verdict; ``runs`` are all finished ones, oldest first,
    with it.

    It is the run's message, if there is one; else, by the reason, the earlier commit with the same
    code, what a placebo would be, why the level was not reached, how the value compares with the
    reference, or the meaning of the reason. "" for the first baseline.
    """
    metric, on = run.metric, (run.best_commit or "")[:7]
    if run.message:
        return run.message
    if run.reason is Reason.BASELINE:
        return f"a new baseline: earlier runs differ in {run.apart}" if run.apart else ""
    if run.reason in (Reason.UNCHANGED, Reason.SEED_ONLY):
        place = next(n for n in range(len(runs) - 1, -1, -1) if runs[n].run == run.run)
        before = runs[:place]
        same, _ = find_same_code(before, run)
        seeds = ", except for its seeds" if run.reason is Reason.SEED_ONLY else ""
        return f"the code of {same.commit[:7]}{seeds}" if same else str(run.reason.meaning)
    if run.would is not None:
        done = "kept" if run.would == "keep" else "discarded"
        return f"{run.reason.meaning}; other code with this value would be {done}"
    if run.reason is Reason.LEVEL:
        return run.level_why or str(run.reason.meaning)
    if run.gain is None or run.best is None or not run.reason.counts_as_try:
        return str(run.reason.meaning)
    word = "better" if run.gain > 0 else "worse" if run.gain < 0 else "the same"
    by = f"{metric.text(abs(run.gain))} {word} than" if run.gain else f"{word} as"
    text = f"{by} {metric.text(run.best)} of {on}"
    explained = noise_explains(run)
    if explained and abs(run.gain) <= explained:
        text += f"; noise explains up to {metric.text(explained)}"
    less = saved(run) if run.reason is Reason.SIMPLER else None
    return f"{text}; {less}" if less else text
