"""Answer for a candidate that needs no run: a rule is broken, or it was measured before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.engine import check_rule
from pytest_ouro.evidence.records.states import standing_keeps
from pytest_ouro.experiment.known import answer_from_record
from pytest_ouro.experiment.measure import make_result
from pytest_ouro.experiment.verdict.history import comparable, describe_same_code

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.core.finding import RuleResult
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.run_record import FinishedRun, StartedRun
    from pytest_ouro.experiment.batch.recorder import Recorder
    from pytest_ouro.experiment.known import Elsewhere
    from pytest_ouro.experiment.result import Result
    from pytest_ouro.experiment.terms.setup import Profile


def find_broken_records(case: Case) -> tuple[RuleResult, ...]:
    """Return the results of the rules about the records and the branch of the working tree that are
    broken. If there are any, no candidate is run. (In a commit alone, these rules have nothing to
    judge.) Raise OuroError if a rule cannot be checked."""
    rules = [rule for rule in case.bound.rules if rule.checker.stage == "ledger"]
    return tuple(one for rule in rules if (one := check_rule(rule, case.evidence)).broken)


def answer_by_keep(
    case: Case,
    experiment: Experiment,
    described: StartedRun,
    recorder: Recorder,
    say: Callable[[str], None],
) -> Result | None:
    """Return the result of the run by which the checked commit of ``case`` was kept, if that keep
    stands and can be compared with the run ``described``, which would start now; otherwise None. No
    record is written; ``recorder`` notes the keep, and ``say`` is called with a line about it.
    Raise RecordError if the journal cannot be read."""
    journal = case.evidence.journal
    alike = [run for run in journal.runs() if comparable(run, described)]
    kept = standing_keeps([case.repository.head], alike, journal.statements())
    if not kept:
        return None
    line = describe_same_code(kept[0], same_seeds=True)
    say(line)
    recorder.note(kept[0])
    return replace(make_result(kept[0], experiment.described_metric), before=line)


def answer_by_code(
    case: Case,
    experiment: Experiment,
    profile: Profile,
    recorder: Recorder,
    say: Callable[[str], None],
    *,
    plan: str,
    elsewhere: Elsewhere | None = None,
) -> Result | None:
    """Return the result of the checked commit of ``case`` by an earlier run of the same code, if
    that answers for it; it is recorded as a candidate of the batch ``plan``. Otherwise None.
    ``elsewhere`` says where the commit would be run (None: on this machine). Raise OuroError if a
    rule cannot be checked, or the verdict cannot be recorded."""

    def revise(run: FinishedRun) -> FinishedRun:
        return recorder.revise(run, case)

    result = answer_from_record(
        case, experiment, profile, say, plan=plan, revise=revise, elsewhere=elsewhere
    )
    if result is not None and result.record is not None:
        recorder.note(result.record)
    return result
