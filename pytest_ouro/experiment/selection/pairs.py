"""Run the pairs of a plan: both commits with one salt, under the same conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.bound.tables import LEVELS
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.records import record_format
from pytest_ouro.evidence.records.run_record import FinishedRun
from pytest_ouro.evidence.records.statement import paired_gain
from pytest_ouro.experiment.measure import measure_commit
from pytest_ouro.experiment.supervision.start_process import keep_starter
from pytest_ouro.experiment.terms.turns import Turn
from pytest_ouro.experiment.verdict.history import differences
from pytest_ouro.messages import selection as messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_ouro.bound.tables import Device
    from pytest_ouro.core.statistics.pairs import Side
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.journal import Journal
    from pytest_ouro.evidence.records.run_record import Purpose
    from pytest_ouro.experiment.result import Result
    from pytest_ouro.experiment.selection.plan import Plan
    from pytest_ouro.experiment.terms.job import Progress


@dataclass(frozen=True)
class Pair:
    """The two runs of a pair, the side that was run ``first``, and the ``slope`` of the plan, by
    which its gain is corrected for the speed of the machine (None: not at all)."""

    first: Side
    baseline: FinishedRun
    tip: FinishedRun

    slope: float | None = None

    @property
    def gain(self) -> float:
        """How much better the tip is than the baseline, in the metric's unit, corrected for the
        speed of the machine if there is a ``slope``; negative if it is worse."""
        gain = paired_gain(self.baseline, self.tip, self.slope)
        assert gain is not None  # a run without a value is not part of a pair
        return gain

    def to_json(self) -> dict[str, object]:
        """Return the pair as the journal's statement of its plan lists it: the salt of both runs,
        which was run first ("baseline" or "tip"), the value of each, and their ids, the baseline's
        first."""
        return {
            "salt": self.baseline.salt,
            "first": self.first,
            "baseline": self.baseline.value,
            "tip": self.tip.value,
            "runs": [self.baseline.run, self.tip.run],
        }


class Unfinished(Exception):
    """Raised if a run of a pair gives no value that counts: it crashed, a rule is broken, or its
    level is too low. ``result`` is that of the run, ``done`` the number of complete pairs, and
    ``message`` the reason in words (by default "", for that which the result states)."""

    def __init__(self, result: Result, done: int, message: str = "") -> None:
        self.result = result
        self.done = done
        self.message = message or result.message or _describe_closed(result)
        super().__init__(self.message)


class Pairs:
    """The pairs of ``plan``, which are run one after the other. Runs of an earlier session count;
    their conditions must be the present ones.

    ``device`` replaces the bound's unless it is None. ``say`` is called with a line about each run,
    ``progress`` with the position of the present run.
    """

    def __init__(
        self,
        case: Case,
        plan: Plan,
        *,
        device: Device | None,
        say: Callable[[str], None],
        progress: Progress | None,
    ) -> None:
        self._case = case
        self._plan = plan
        self._device = device
        self._say = say
        self._progress = progress
        self._done: list[Pair] = []
        self._used: set[str] = set()

    @property
    def plan(self) -> Plan:
        """The plan whose pairs these are."""
        return self._plan

    @property
    def done(self) -> Sequence[Pair]:
        """The pairs that are complete, in the order of the plan."""
        return tuple(self._done)

    def run(self, count: int) -> Sequence[Pair]:
        """Run pairs until the first ``count`` of the plan are complete, and return these. Raise
        Unfinished if a run gives no value that counts, OuroError if one cannot be made, or if the
        conditions changed between two runs."""
        with keep_starter():
            for number in range(len(self._done) + 1, count + 1):
                self._done.append(self._run_pair(number))
        return self._done[:count]

    def _run_pair(self, number: int) -> Pair:
        """Run the two sides of a pair, given by its number from 1, in the order of the plan, and
        return it. Raise as `run` does."""
        salt, first = self._plan.pairs[number - 1]
        self._used = set()  # no two pairs have one salt
        other: Side = "tip" if first == "baseline" else "baseline"
        runs = {side: self._run_side(number, salt, side) for side in (first, other)}
        pair = Pair(first, runs["baseline"], runs["tip"], self._plan.slope)
        reference = self._done[0].baseline if self._done else pair.baseline
        for run in runs.values():
            if apart := differences(reference, run):
                raise messages.conditions_changed(apart)
        return pair

    def _run_side(self, number: int, salt: int, side: Side) -> FinishedRun:
        """Return the run of one side of a pair: one of this plan that counts, or a new one. Raise
        Unfinished if the new one gives no value that counts, OuroError if it cannot be made."""
        plan, commit = self._plan, self._commit(side)
        if (earlier := self._find(commit, salt)) is not None:
            return earlier
        purpose: Purpose = "calibrate" if plan.event == "calibration" else "pair"
        turn = Turn(salt=salt, purpose=purpose, plan=plan.id)
        case = self._case.at(commit)
        result, _ = measure_commit(
            case, turn, device=self._device, progress=self._progress, say=self._say
        )
        found = result.record
        if found is None or found.value is None:
            raise Unfinished(result, len(self._done))
        if not self._is_at_level(found):
            lowest = case.bound.experiments[found.device].level
            why = (
                f"the run was measured at the level {found.level}, and the bound asks for {lowest}"
            )
            raise Unfinished(result, len(self._done), why)
        self._used.add(found.run)
        value = f"{found.metric_name}={found.metric.text(found.value)}"
        self._say(f"ouro: pair {number}/{len(plan.pairs)} {side} {value}")
        return found

    def _find(self, commit: str, salt: int) -> FinishedRun | None:
        """Return the first run of the plan that measured a commit with a salt at the level that the
        bound asks for, and that is not used yet; mark it as used. None if there is none. It counts
        whatever its conditions are, so that nobody can measure again until a value pleases."""
        for run in self._case.evidence.journal.runs():
            same = (run.plan, run.commit, run.salt) == (self._plan.id, commit, salt)
            measured = same and run.run not in self._used and run.value is not None
            if measured and self._is_at_level(run):
                self._used.add(run.run)
                return run
        return None

    def _is_at_level(self, run: FinishedRun) -> bool:
        """Return whether a run was measured at the level that the bound asks for, or above."""
        lowest = self._case.bound.experiments[run.device].level
        return LEVELS.index(run.level) >= LEVELS.index(lowest)

    def _commit(self, side: Side) -> str:
        """Return the commit of a side."""
        return self._plan.baseline if side == "baseline" else self._plan.tip


def _describe_closed(result: Result) -> str:
    """Return a clause on the rules that kept a run from being made: their names, the first finding,
    and its help; "" if none is broken."""
    findings = [finding for rule in result.closed for finding in rule.findings]
    names = ", ".join(rule.rule for rule in result.closed)
    first = [f"{one.headline}; help: {one.help}" for one in findings[:1]]
    return ": ".join([f"it breaks {names}", *first]) if names else ""


def digest_of(journal: Journal, runs: Iterable[FinishedRun]) -> str:
    """Return the sha256 of the finished lines that the journal has of these runs, in their order,
    each followed by a newline, as 64 hexadecimal digits. The line of a run that the journal's file
    lacks is that which would be written."""
    records = [(line, record_format.read(line)) for line in journal.lines()]
    lines = {one.run: line for line, one in records if isinstance(one, FinishedRun)}
    written = (lines.get(run.run) or record_format.write(run) for run in runs)
    return record_format.digest_of(written)
