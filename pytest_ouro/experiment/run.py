"""Run a whole experiment: the present commit once or repeatedly, its verdict, and the branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass, replace
from pytest_ouro.experiment.devices import device as devices
from pytest_ouro.experiment.measure import measure_commit
from pytest_ouro.experiment.records import record, sharing
from pytest_ouro.experiment.remeasure import find_last_keep, find_salt, will_run
from pytest_ouro.experiment.steps import preconditions
from pytest_ouro.experiment.supervision.start_process import keep_starter
from pytest_ouro.experiment.terms.turns import Turn, draw_salt, make_turns
from pytest_ouro.experiment.verdict import history
from pytest_ouro.experiment.verdict.decide import LOSER
from pytest_ouro.experiment.verdict.repeats import find_repeats

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ouro.bound.tables import Device
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.experiment.result import Result
    from pytest_ouro.experiment.terms.job import Progress


@dataclass(frozen=True)
class Order:
    """The options of one call of `run_experiment`.

    ``device`` and ``budget``, in seconds, replace the bound's unless they are None. A shorter
    budget makes the run a rehearsal; one longer than the bound's is refused. ``settle`` says
    whether the verdict is applied to the branch, and ``repeat`` is the number of runs. ``again``:
    code that was measured before is run again, as it is with several runs or another budget.
    """

    device: Device | None = None
    budget: float | None = None
    settle: bool = False
    repeat: int = 1
    again: bool = False


def run_experiment(
    case: Case,
    order: Order,
    *,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Result:
    """Check the rules, run the present commit as often as ``order`` says, decide and record, and
    settle the branch if ``order`` says so. Return the result of the last run, with the lines that
    say whether the night is over.

    With ``placebo`` in ``[verdict]``, one run more may come first, of the last keep, and one by
    which the last keep is measured again (`find_salt`): their results are not part of what is
    returned. If a rule is broken, nothing more is run or settled, and the result is "closed".
    Repeats end with the first crash, or with the first run if that is a clear loser
    (`is_clear_loser`). ``say`` is called with lines about the course, ``progress`` with the
    position of the run. Raise OuroError, mostly ExperimentError, if a run cannot be prepared or
    recorded, or if HEAD moves between two runs; KeyboardInterrupt for Ctrl-C except during the run
    itself.
    """
    commit = ""
    again = order.again or order.repeat > 1 or order.budget is not None
    with keep_starter():
        if placebo := _find_placebo(case, order):
            commit = case.repository.head
            _run_placebo(case, placebo, order, progress, say)
        salt = 0
        if order.repeat == 1 and order.budget is None:
            if commit:
                case = case.again()
            salt, ran = find_salt(case, order.device, progress, say, again=order.again)
            commit = case.repository.head if ran else commit
        for turn in make_turns(order.repeat, salt):
            if commit:
                case = case.again()
                preconditions.demand_same_head(case, commit)
            result, case = measure_commit(
                case,
                turn,
                device=order.device,
                budget=order.budget,
                again=again,
                progress=progress,
                say=say,
            )
            commit = result.commit
            if result.status == "closed":
                return replace(result, over=say_over(case))
            if result.status == "crash":
                break
            if turn.series:
                value = f"{result.metric.name}={result.metric.text(result.value)}"
                say(f"ouro: repeat {turn.number}/{turn.total} {value}")
                if result.reason.decides:  # the last one, or a clear loser
                    break
    settlement = _settle(case, result, apply=order.settle)
    stopped = _explain_stop(result, turn)
    result = _add_history(case, result)
    return replace(result, stopped=stopped, settlement=settlement, over=say_over(case))


def _explain_stop(result: Result, turn: Turn) -> str:
    """Return a line that says why no repeats followed the run of ``turn``, which had ``result``; ""
    if it was the last one, or a crash."""
    run, left = result.record, (turn.total or 1) - (turn.number or 1)
    if not left or run is None or run.gain is None:
        return ""
    by = f" by {run.metric.text(-run.gain)}"
    if run.se:
        by = f" by {-run.gain / run.se:.3g} standard errors of the difference (limit: {LOSER:g})"
    runs = "the other repeat was" if left == 1 else f"the other {left} repeats were"
    return f"ouro: a clear loser, worse than {run.metric.text(run.best)}{by}: {runs} not made"


def _find_placebo(case: Case, order: Order) -> str:
    """Draw whether a placebo precedes the run that ``order`` asks for, and return the commit to
    measure, that of the last keep; "" for none. None precedes repeats or a rehearsal, a run that a
    broken rule prevents, the first keep, or an answer from the record. Raise OuroError if a rule
    cannot be checked, or HEAD cannot be run."""
    profile = devices.choose(order.device or case.experiment.device)
    share = case.bound.verdicts[profile].placebo
    if not share or order.repeat != 1 or order.budget is not None or not draw(share):
        return ""
    best = find_last_keep(case, profile)
    return best.commit if best and will_run(case, profile, again=order.again) else ""


def draw(share: float) -> bool:
    """Return True with the probability ``share``."""
    import secrets  # of a night with placebos alone

    return secrets.randbelow(2**32) < share * 2**32


def _run_placebo(
    case: Case,
    commit: str,
    order: Order,
    progress: Progress | None,
    say: Callable[[str], None],
) -> None:
    """Measure the last keep, ``commit``, with a salt of its own, and record it as a placebo. A
    crash is recorded, and what kept it from being started is left to the run that follows; raise
    what ended the run from outside."""
    turn = Turn(salt=draw_salt(), purpose="placebo")
    result, _ = measure_commit(
        case.at(commit), turn, device=order.device, progress=progress, say=say
    )
    if result.interrupted:
        raise result.ended_by or KeyboardInterrupt


def _add_history(case: Case, result: Result) -> Result:
    """Return ``result`` with the lines about the run (`history.notes`), and with its repeats, whose
    mean replaces ``value`` unless the last run crashed.

    With fewer than two repeats that can be compared with each other, ``repeats`` is None and
    ``value`` stays.
    """
    assert result.record is not None
    runs = case.evidence.journal.runs()
    lines = history.notes(result.record, runs) + _name_unseen(case, result.record)
    repeats = find_repeats(runs, result.record.series)
    value = result.value if result.value is None or repeats is None else repeats.mean
    return replace(result, value=value, repeats=repeats, notes=lines)


def _name_unseen(case: Case, run: FinishedRun) -> tuple[str, ...]:
    """Return a tuple of the line that names the best keep that can be compared with ``run``, if
    this clone lacks its commit; otherwise ()."""
    evidence = case.evidence
    if evidence.place.folder is None:
        return ()
    alike = [one for one in evidence.journal.runs() if history.comparable(one, run)]
    line = sharing.describe_unseen(evidence.place, alike, evidence.journal.statements())
    return (f"ouro: {line}",) if line else ()


def _settle(case: Case, result: Result, *, apply: bool) -> tuple[str, ...]:
    """Settle the branch, that is, set it back to the incumbent (its last keep), or with ``apply``
    False only say how; return the lines about it.

    Return () after a keep, or if the run's commit is the incumbent. After a rehearsal, or a run
    that was interrupted or not started, the branch stays, and a line says why if ``apply`` is true.
    If nothing is kept yet, the branch stays, and a line says so.
    """
    if why := result.reason.unsettled:
        return (f"ouro: not settled: {why}",) if apply else ()
    if result.status == "keep":
        return ()
    assert result.record is not None
    target = result.record.incumbent
    if target is None:
        return ("ouro: nothing is kept on this line of commits yet: fix it and run again",)
    if target == result.commit:
        return ()
    from pytest_ouro.experiment.steps.settle import settle

    return settle(case, target=target, tried=result.record.tried, apply=apply)


def say_over(case: Case) -> tuple[str, ...]:
    """Return a tuple of the line that says that the night is over, and what to do; () if it is not.
    Once it is, its placebos are written to the ledger."""
    if case.bound.night is None:
        return ()
    from pytest_ouro.experiment.steps.night_end import find_night_end  # most bounds state no end

    end = find_night_end(case)
    if end is None:
        return ()
    record.write_placebos(case)
    return (f"ouro: {end.text}",)
