"""Certify the last keep of a branch: measure it and the baseline on fresh pairs of runs, which took
no part in the search, and state what they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.limits import PAIRS
from pytest_ouro.core.statistics.pairs import grant
from pytest_ouro.experiment.measurer import Serial
from pytest_ouro.experiment.records.record import write_placebos
from pytest_ouro.experiment.selection.attempts import count_attempts
from pytest_ouro.experiment.selection.ends import find_ends, gain_between
from pytest_ouro.experiment.selection.holding import hold_plan
from pytest_ouro.experiment.selection.pairs import Pairs, Unfinished
from pytest_ouro.experiment.selection.plan import describe, open_plan
from pytest_ouro.experiment.selection.selection import Selection, find_dependence, state

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ouro.bound.tables import Device
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.statement import StatementResult
    from pytest_ouro.experiment.measurer import Measurer
    from pytest_ouro.experiment.terms.job import Progress


def certify(
    case: Case,
    *,
    pairs: int = PAIRS,
    looks: int = 0,
    again: bool = False,
    device: Device | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda text: None,
    measurer: Measurer | None = None,
) -> Selection:
    """Measure the last keep of the branch and its baseline on ``pairs`` fresh pairs, record the
    certificate, and return it. If a run gives no value that counts, no certificate is recorded, and
    what is returned says why.

    A certificate that was begun and has no result is continued with its own pairs, unless one is to
    be begun ``again``, as a further look; `count_attempts` says what a run without a value costs.
    ``looks`` states how many certificates there will be at most in this night, and can be stated
    before the first one only (0: no number). Once it has a result, the night's placebos are written
    to the ledger. ``measurer`` makes the runs; by default this process does, one after the other,
    on ``device``. Raise OuroError, mostly ExperimentError, if there is nothing to certify or a run
    cannot be made.
    """
    measurer = measurer or Serial(case, device, progress, say)
    baseline, tip = find_ends(case)
    night = baseline.commit
    ends = (night, tip.commit)
    plan, continued = open_plan(
        case,
        "certificate",
        *ends,
        night=night,
        pairs=pairs,
        looks=looks,
        device=measurer.profile,
        again=again,
    )
    say(describe(plan, continued=continued))
    count = len(plan.pairs)
    made = Pairs(case, plan, measurer, say)
    with hold_plan(case, plan.id):
        try:
            done = made.run(count)
        except Unfinished as error:
            facts = (error.result, error.message)
            return Selection("certificate", len(made.done), count, None, *facts)
        attempts = count_attempts(case, plan, done, level=tip.level or "")
        alpha, claimed = attempts.alpha, gain_between(baseline, tip)
        granted = grant([pair.gain for pair in done], alpha).granted
        void = attempts.against or find_dependence(done, strict=True)
        result: StatementResult = "granted" if granted and not void else "not-granted"
        found = state(case, plan, done, result, alpha, claimed, attempts)
        written = case.evidence.journal.append(found)
    write_placebos(case)
    return Selection("certificate", count, count, written)
