"""What the budget rules own: a run under the clock ``steps``, whose budget is a number of training
batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.finding import Finding, describe_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.records.run_record import MeasuredRun

_MORE = (
    "end the loop as soon as TIME_BUDGET has passed on the clock of the module 'time', read first "
    "before the first batch is fetched; where a step has several batches, 'steps' must be a "
    "multiple of them; a person may set 'warmup-tokens' to the tokens that a script does not count"
)
_FEWER = (
    "train until TIME_BUDGET has passed on the clock of the module 'time', which each batch of the "
    "loader advances, and get the batches from the loader of the harness that the script imports"
)
_LATE = (
    "load and compile less before the first batch, and do not train there: a person may raise "
    "'startup-seconds' or 'warmup-seconds'"
)


def judge_steps(run: MeasuredRun, *, fewer: bool = False) -> Iterator[Finding]:
    """Yield a finding if a run of the clock ``steps`` was served more training batches than its
    budget; with ``fewer``, only if it was served fewer. Without ``fewer``, yield another one if its
    clock was not started by a batch, but because ``startup-seconds`` or ``warmup-seconds`` had
    passed.

    A run whose batches were not counted counts as one without batches.
    """
    served, steps = run.steps_served or 0, run.steps
    place = f"{describe_run(run.run, run.commit)}, {run.device} profile"
    difference = steps - served if fewer else served - steps
    if difference > 0:
        words = f"{difference} {'fewer' if fewer else 'more'} than the {steps} of the budget"
        yield Finding(
            f"{served} training batches were counted, {words}",
            where=place,
            expected=str(steps),
            actual=str(served),
            help=_FEWER if fewer else _MORE,
            facts={"steps_served": served, "steps": steps},
        )
    if not fewer and run.clock_start in ("startup-seconds", "warmup-seconds"):
        yield Finding(
            f"{run.clock_after:g} s had passed before the clock started, all that "
            f"'{run.clock_start}' allows: what a script trains before is not counted",
            where=place,
            help=_LATE,
        )
