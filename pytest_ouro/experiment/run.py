"""Run a whole experiment: the present commit once or repeatedly, its verdict, and the branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass, replace
from pytest_ouro.experiment.devices import device as devices
from pytest_ouro.experiment.measure import measure_commit
from pytest_ouro.experiment.measurer import Wanted
from pytest_ouro.experiment.records import record, sharing
from pytest_ouro.experiment.remeasure import find_last_keep, find_salt, will_run
from pytest_ouro.experiment.steps import preconditions
from pytest_ouro.experiment.supervision.start_process import keep_starter
from pytest_ouro.experiment.terms.turns import Turn, draw_salt, make_turns
from pytest_ouro.experiment.verdict import history
from pytest_ouro.experiment.verdict.decide import LOSER
from pytest_ouro.experiment.verdict.repeats import find_repeats

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_ouro.bound.tables import Device
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.experiment.measurer import Measurer, Take
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
    measurer: Measurer | None = None,
) -> Result:
    """Check the rules, run the present commit as often as ``order`` says, decide and record, and
    settle the branch if ``order`` says so. Return the result of the run that decided, or of the
    first that crashed, with the lines that say whether the night is over.

    Runs of the last keep may come first: a placebo (``placebo`` in ``[verdict]``), and one on a new
    salt (`find_salt`). Their results are not part of what is returned. If a rule is broken, nothing
    more is run or settled, and the result is "closed". Repeats end with the first crash, or with
    the first run if that is a clear loser (`is_clear_loser`). ``measurer`` makes the repeats: the
    first one, then all others; by default this process makes each run. ``say`` is called with lines
    about the course, ``progress`` with the position of the run. Raise OuroError, mostly
    ExperimentError, if a run cannot be prepared or recorded, or if HEAD moves between two runs;
    KeyboardInterrupt for Ctrl-C except during the run itself.
    """
    ended: list[Result] = []

    def take(place: int, result: Result) -> bool:
        ended.append(result)
        if result.record is not None and result.record.series and result.status != "crash":
            run, value = result.record, result.metric.text(result.value)
            say(f"ouro: repeat {run.repeat}/{run.repeats} {result.metric.name}={value}")
        return not _is_final(result)

    here = _Here(case, order, progress, say)
    with keep_starter():
        salt = here.prepare()
        turns = make_turns(order.repeat, salt)
        first, *others = (Wanted(here.case.repository.head, turn) for turn in turns)
        measure = (measurer or here).measure
        measure([first], take)
        if others and not _is_final(ended[0]):
            measure(others, take)
    case = here.case
    result = next(filter(_is_final, ended), ended[-1])
    if result.status == "closed":
        return replace(result, over=say_over(case))
    settlement = _settle(case, result, apply=order.settle)
    stopped = _explain_stop(result, order.repeat - len(ended))
    result = _add_history(case, result)
    return replace(result, stopped=stopped, settlement=settlement, over=say_over(case))


def _is_final(result: Result) -> bool:
    """Return whether no repeat follows a run with this result: it crashed, a rule is broken, or its
    verdict decides, as that of a clear loser or of the last repeat."""
    return result.status in ("closed", "crash") or result.reason.decides


class _Here:
    """Measures HEAD in this process, one run after the other, as ``order`` says. ``case`` is the
    one that the last run was made with."""

    def __init__(
        self,
        case: Case,
        order: Order,
        progress: Progress | None,
        say: Callable[[str], None],
    ) -> None:
        self.case = case
        self._order = order
        self._progress, self._say = progress, say
        #: The commit that was measured; "" before the first run.
        self._commit = ""

    def prepare(self) -> int:
        """Make the runs that must precede a single one, of a placebo and of the last keep on a new
        salt; return the salt of the next try. Repeats and a rehearsal need neither: return 0. Raise
        as `run_experiment` does."""
        order, head = self._order, self.case.repository.head
        if placebo := _find_placebo(self.case, order):
            self._commit = head
            _run_placebo(self.case, placebo, order, self._progress, self._say)
        if order.repeat > 1 or order.budget is not None:
            return 0
        if self._commit:
            self.case = self.case.again()
        salt, ran = find_salt(self.case, order.device, self._progress, self._say, again=order.again)
        if ran:
            self._commit = self.case.repository.head
        return salt

    def measure(self, wanted: Sequence[Wanted], take: Take) -> None:
        """Make the wanted runs, all of HEAD, see `Measurer.measure`. Raise ExperimentError if HEAD
        moved since the last run."""
        order = self._order
        for place, one in enumerate(wanted):
            if self._commit:
                self.case = self.case.again()
                preconditions.demand_same_head(self.case, self._commit)
            result, self.case = measure_commit(
                self.case,
                one.turn,
                device=order.device,
                budget=order.budget,
                again=order.again or order.repeat > 1 or order.budget is not None,
                progress=self._progress,
                say=self._say,
            )
            self._commit = result.commit
            if not take(place, result):
                return


def _explain_stop(result: Result, left: int) -> str:
    """Return a line that says why ``left`` repeats were not made after ``result``; "" if all were,
    or after a crash."""
    run = result.record
    if not left or run is None or run.gain is None:
        return ""
    by = f" by {run.metric.text(-run.gain)}"
    if run.se:
        by = f" by {-run.gain / run.se:.3g} standard errors of the difference (limit: {LOSER:g})"
    runs = "the other repeat was" if left == 1 else f"the other {left} repeats were"
    return f"ouro: a clear loser, worse than {run.metric.text(run.best)}{by}: {runs} not made"


def _find_placebo(case: Case, order: Order) -> str:
    """Draw whether a placebo precedes the run that ``order`` asks for, and return the commit to
    measure, that of the last keep; "" for none. None precedes repeats, a rehearsal, a run that a
    broken rule prevents, or an answer from the record, nor any run while nothing is kept. Raise
    OuroError if a rule cannot be checked, or HEAD cannot be run."""
    if order.repeat != 1 or order.budget is not None:
        return ""
    profile = devices.choose(order.device or case.experiment.device)
    share = case.bound.verdicts[profile].placebo
    if not share or not draw(share):
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
