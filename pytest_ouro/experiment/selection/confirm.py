"""Confirm one kept edit: measure its commit and the keep before it on fresh pairs of runs, in a few
looks, and state whether the edit helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.statistics.pairs import LOOKS, confirm, confirm_no_worse
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.evidence.records.verdicts import tie_band
from pytest_ouro.experiment.measurer import Serial
from pytest_ouro.experiment.selection.attempts import count_attempts
from pytest_ouro.experiment.selection.ends import find_edit, gain_between
from pytest_ouro.experiment.selection.holding import hold_plan
from pytest_ouro.experiment.selection.pairs import Pairs, Unfinished
from pytest_ouro.experiment.selection.plan import describe, open_plan
from pytest_ouro.experiment.selection.selection import Selection, find_dependence, state
from pytest_ouro.experiment.steps.settle import settle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_ouro.bound.tables import Device
    from pytest_ouro.core.statistics.pairs import State
    from pytest_ouro.engine import Case
    from pytest_ouro.experiment.measurer import Measurer
    from pytest_ouro.experiment.selection.plan import Plan
    from pytest_ouro.experiment.terms.job import Progress


def confirm_edit(
    case: Case,
    revision: str,
    *,
    apply: bool = False,
    again: bool = False,
    device: Device | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda text: None,
    measurer: Measurer | None = None,
) -> Selection:
    """Measure the kept commit ``revision`` and its reference, the keep before it, on up to 8 fresh
    pairs; record whether it is confirmed or refuted, and return the result. If a run gives no value
    that counts, no result is recorded, and what is returned says why.

    After 2, 4 and 8 pairs the gains are looked at, and no more pairs are run once it is decided. It
    stays undecided if the values do not depend on the salts, so that the pairs show nothing, or if
    the gains confirm it and `count_attempts` forbids that. A keep whose reason is ``simpler``
    claims no gain: it is confirmed if it is shown to lose no more than the band within which it
    tied, refuted if it is shown to be worse, and otherwise stays undecided.

    A confirmation that was begun and has no result is continued, unless one is to be begun
    ``again``, as a further look. If the edit is refuted, the branch is settled to the keep before
    it with ``apply``; without it, a line says how. ``measurer`` makes the runs up to the next look;
    by default this process does, one after the other, on ``device``. Raise OuroError, mostly
    ExperimentError, if ``revision`` is not a keep on this line of commits, or a run cannot be made.
    """
    measurer = measurer or Serial(case, device, progress, say)
    before, edit, night = find_edit(case, revision)
    most = LOOKS[-1]
    ends = (before.commit, edit.commit)
    margin = tie_band(edit) if edit.reason is Reason.SIMPLER else None
    plan, continued = open_plan(
        case,
        "confirmation",
        *ends,
        night=night,
        pairs=most,
        device=measurer.profile,
        margin=margin,
        again=again,
    )
    say(describe(plan, continued=continued))
    pairs = Pairs(case, plan, measurer, say)
    with hold_plan(case, plan.id):
        for look in LOOKS:
            try:
                done = pairs.run(look)
            except Unfinished as error:
                facts = (error.result, error.message)
                return Selection("confirmation", len(pairs.done), most, None, *facts)
            attempts = count_attempts(case, plan, done, level=edit.level or "")
            found = _decide([pair.gain for pair in done], plan, attempts.alpha)
            if find_dependence(done, strict=True) or (found == "confirmed" and attempts.against):
                found = "undecided"
                break
            if found != "undecided":
                break
        share, claimed = attempts.alpha / len(LOOKS), gain_between(before, edit)
        written = state(case, plan, done, found, share, claimed, attempts)
        written = case.evidence.journal.append(written)
    selection = Selection("confirmation", len(done), most, written)
    if found != "refuted":
        return selection
    lines = settle(case, target=before.commit, tried=edit.tried, apply=apply)
    return replace(selection, settlement=lines)


def _decide(gains: Sequence[float], plan: Plan, alpha: float) -> State:
    """Return what the gains of a plan's pairs so far show of the claim that the edit gains or, if
    the plan has a margin, that it loses no more than that: "confirmed", "refuted" or
    "undecided"."""
    if plan.margin is None:
        return confirm(gains, alpha)
    return confirm_no_worse(gains, plan.margin, alpha)
