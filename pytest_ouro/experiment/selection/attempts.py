"""Count the runs of a plan that gave no value that counts, each of which halves the plan's alpha,
and find out why the tip may be granted nothing.

A run that gave no value is made again with the same salt. A user who ends a run because it goes
badly, and makes it again, chooses among its values: the smaller alpha makes up for that.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_ouro.bound.tables import LEVELS
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.evidence.records.run_record import FinishedRun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.run_record import StartedRun
    from pytest_ouro.experiment.selection.pairs import Pair
    from pytest_ouro.experiment.selection.plan import Plan

#: How a run ends that fails by what its own code does, as far as it is known.
OWN = (Reason.CRASH, Reason.OOM, Reason.NAN, Reason.TIMEOUT, Reason.BREACH)


@dataclass(frozen=True)
class Attempts:
    """What the runs of a plan cost it: those that ``failed``, oldest first, the ``alpha`` that is
    left, the probability of an error that may be made, and ``against``, why the tip is granted
    nothing, in words ("": nothing forbids it)."""

    failed: tuple[StartedRun, ...]
    alpha: float
    against: str

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the runs that failed."""
        return tuple(run.run for run in self.failed)


def count_attempts(case: Case, plan: Plan, pairs: Sequence[Pair], *, level: str = "") -> Attempts:
    """Return what the runs of a plan cost it, of which ``pairs`` are complete.

    A run fails if it gives no value, whatever ended it, or one at a lower level than the tips of
    ``pairs``; one whose process could not be started does not count. Each halves the alpha. A tip
    that failed by itself more often than the baseline, or that broke a guard in a pair, or whose
    pairs were measured at a lower level than ``level``, that of its search ("": any), is granted
    nothing. Raise RecordError if the journal cannot be read.
    """
    counted = {run.run for pair in pairs for run in (pair.baseline, pair.tip)}
    failed = tuple(
        run
        for run in last_records(case, plan)
        if run.run not in counted and not _gave_value(run, pairs)
    )
    against = _failures(failed, plan) or _guards(pairs) or _level(pairs, level)
    return Attempts(failed, plan.alpha * 0.5 ** len(failed), against)


def last_records(case: Case, plan: Plan) -> list[StartedRun]:
    """Return the last line of the journal about each run of a plan, in the order in which the runs
    started. All plans of one ablation have the same id: only the runs of the tip and of this plan's
    baseline are returned."""
    found: dict[str, StartedRun] = {}
    for record in case.evidence.journal.records():
        if record.plan == plan.id and record.commit in (plan.baseline, plan.tip):
            found[record.run] = record
    return list(found.values())


def _gave_value(run: StartedRun, pairs: Sequence[Pair]) -> bool:
    """Return whether a run does not count as failed: it gave a value at no lower level than the
    pairs' tips, or its process could not be started."""
    if not isinstance(run, FinishedRun):
        return False
    if run.reason is Reason.NOT_STARTED:
        return True
    lowest = min((LEVELS.index(pair.tip.level) for pair in pairs), default=0)
    return run.value is not None and LEVELS.index(run.level) >= lowest


def _failures(failed: Sequence[StartedRun], plan: Plan) -> str:
    """Return a clause that says that the tip failed by itself (`OWN`) more often than the baseline;
    "" if it did not, or if both are one commit."""
    own = [run for run in failed if isinstance(run, FinishedRun) and run.reason in OWN]
    tip = [run.reason.value for run in own if run.commit == plan.tip]
    others = len(own) - len(tip)
    if plan.tip == plan.baseline or len(tip) <= others:
        return ""
    times = ", ".join(f"{word} {count}" for word, count in Counter(tip).items())
    return f"runs of the tip failed by themselves ({times}), and {others} of the baseline"


def _guards(pairs: Sequence[Pair]) -> str:
    """Return the recorded text of the first guard that did not hold, or could not be judged, in a
    run of the tip; "" if there is none."""
    broken = (guard for pair in pairs for guard in pair.tip.broken_guards)
    return next((str(guard.get("text")) for guard in broken), "")


def _level(pairs: Sequence[Pair], level: str) -> str:
    """Return a clause that says that a pair was measured at a lower level than ``level``; "" if
    none was, or if ``level`` is ""."""
    levels = [run.level for pair in pairs for run in (pair.baseline, pair.tip)]
    lowest = min(levels, key=LEVELS.index, default=level)
    if not level or LEVELS.index(lowest) >= LEVELS.index(level):
        return ""
    return f"the pairs were measured at the level {lowest}, and the search at {level}"
