"""Answer for a candidate that needs no run: a rule is broken, or it was measured before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.engine import check_before_run, check_rule
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.evidence.records.states import standing_keeps
from pytest_ouro.experiment.batch.base import describe_start
from pytest_ouro.experiment.known import answer_from_record
from pytest_ouro.experiment.measure import make_result
from pytest_ouro.experiment.result import Result
from pytest_ouro.experiment.verdict.history import comparable, describe_same_code

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.core.finding import RuleResult
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.experiment.batch.recorder import Recorder
    from pytest_ouro.experiment.terms.setup import Profile


def find_broken_records(case: Case) -> tuple[RuleResult, ...]:
    """Return the broken rules about the records and the branch of the working tree. They keep every
    candidate from being run, as they keep a single run: in a commit alone they have nothing to
    judge. Raise OuroError if a rule cannot be checked."""
    rules = [rule for rule in case.bound.rules if rule.checker.stage == "ledger"]
    return tuple(one for rule in rules if (one := check_rule(rule, case.evidence)).broken)


def answer(
    case: Case,
    experiment: Experiment,
    profile: Profile,
    recorder: Recorder,
    say: Callable[[str], None],
    *,
    plan: str,
    again: bool,
) -> Result | None:
    """Return the result of the checked commit of ``case`` if that needs no run, otherwise None.

    If a rule is broken, it is "closed". Unless ``again``, a commit that was kept before has the
    result of that run, and nothing is recorded; code that was measured before is answered for from
    the record, and that is recorded as a candidate of the batch with the id ``plan``. ``say`` is
    called with a line about the earlier run. Raise OuroError if a rule cannot be checked, or the
    verdict cannot be recorded.
    """
    broken = tuple(one for one in check_before_run(case) if one.broken)
    metric = experiment.described_metric
    if broken:
        return Result(Reason.RULES_BROKEN, case.repository.head, metric, closed=broken)
    if again:
        return None
    if kept := _find_keep(case, experiment, profile):
        line = describe_same_code(kept, same_seeds=True)
        say(line)
        recorder.note(kept)
        return replace(make_result(kept, metric), before=line)
    result = answer_from_record(case, experiment, profile, say, plan=plan, revise=recorder.revise)
    if result is not None and result.record is not None:
        recorder.note(result.record)
    return result


def _find_keep(case: Case, experiment: Experiment, profile: Profile) -> FinishedRun | None:
    """Return the run by which the checked commit of ``case`` was kept, if that keep stands and can
    be compared with a run that would start now; otherwise None. Raise RecordError if the journal
    cannot be read."""
    try:
        described = describe_start(case, experiment, profile)
    except OuroError:
        return None  # of data that is missing, for example: the worker says so
    journal = case.evidence.journal
    alike = [run for run in journal.runs() if comparable(run, described)]
    kept = standing_keeps([case.repository.head], alike, journal.statements())
    return kept[0] if kept else None
