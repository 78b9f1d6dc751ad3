"""Run the pairs of a plan: both commits with one salt, under the same conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.bound.tables import LEVELS
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.records import record_format
from pytest_ouro.evidence.records.run_record import FinishedRun
from pytest_ouro.evidence.records.statement import paired_gain
from pytest_ouro.experiment.measurer import Wanted
from pytest_ouro.experiment.terms.turns import Turn
from pytest_ouro.experiment.verdict.history import differences
from pytest_ouro.messages import selection as messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_ouro.core.statistics.pairs import Side
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.journal import Journal
    from pytest_ouro.evidence.records.run_record import Purpose
    from pytest_ouro.experiment.measurer import Measurer
    from pytest_ouro.experiment.result import Result
    from pytest_ouro.experiment.selection.plan import Plan


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
        speed of the machine if there is a ``slope`` and both speeds are known; negative if it is
        worse."""
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
    level is too low. ``result`` is that of the run, and ``message`` says why: by default what
    ``result`` says."""

    def __init__(self, result: Result, message: str = "") -> None:
        self.result = result
        self.message = message or result.message or _describe_closed(result)
        super().__init__(self.message)


class Pairs:
    """The pairs of ``plan``, whose runs ``measurer`` makes. Runs of an earlier session count; all
    pairs must have the same conditions. ``say`` is called with a line about each new run that
    counts."""

    def __init__(
        self, case: Case, plan: Plan, measurer: Measurer, say: Callable[[str], None]
    ) -> None:
        self._case = case
        self._plan = plan
        self._measurer = measurer
        self._say = say
        #: By the number of the pair, from 1: its runs, and the pair once both are there.
        self._runs: dict[int, dict[Side, FinishedRun]] = {}
        self._done: dict[int, Pair] = {}

    @property
    def plan(self) -> Plan:
        """The plan whose pairs these are."""
        return self._plan

    @property
    def done(self) -> Sequence[Pair]:
        """The pairs that are complete, in the order of the plan."""
        return [self._done[number] for number in sorted(self._done)]

    def run(self, count: int) -> Sequence[Pair]:
        """Make runs until the first ``count`` pairs of the plan are complete, and return these.
        Raise Unfinished if a run gives no value that counts, OuroError if one cannot be made, or if
        the conditions changed between two runs; runs that go on meanwhile end before, and count."""
        recorded = self._case.evidence.journal.runs()
        missing: list[tuple[int, Side]] = []
        for number in range(1, count + 1):
            if number not in self._done:
                self._runs[number] = found = self._find(number, recorded)
                missing += [(number, side) for side in self._order(number) if side not in found]
                self._complete(number)
        faults: list[Unfinished | OuroError] = []

        def take(place: int, result: Result) -> bool:
            try:
                self._take(*missing[place], result)
            except (Unfinished, OuroError) as error:
                faults.append(error)
            return not faults

        self._measurer.measure([self._want(*one) for one in missing], take)
        if faults:
            raise faults[0]
        return self.done[:count]

    def _order(self, number: int) -> tuple[Side, Side]:
        """Return the sides of a pair, the one first that the plan lets start first."""
        _, first = self._plan.pairs[number - 1]
        return ("tip", "baseline") if first == "tip" else ("baseline", "tip")

    def _want(self, number: int, side: Side) -> Wanted:
        """Return the run of one side of a pair, as it is wanted."""
        purpose: Purpose = "calibrate" if self._plan.event == "calibration" else "pair"
        salt, _ = self._plan.pairs[number - 1]
        return Wanted(self._commit(side), Turn(salt=salt, purpose=purpose, plan=self._plan.id))

    def _take(self, number: int, side: Side, result: Result) -> None:
        """Add a new run to its pair. Raise Unfinished if it gave no value that counts, OuroError if
        its conditions differ from those of the other runs."""
        run = result.record
        if run is None or run.value is None:
            raise Unfinished(result)
        if not self._is_at_level(run):
            lowest = self._case.bound.experiments[run.device].level
            why = f"the run was measured at the level {run.level}, and the bound asks for {lowest}"
            raise Unfinished(result, why)
        value = f"{run.metric_name}={run.metric.text(run.value)}"
        self._say(f"ouro: pair {number}/{len(self._plan.pairs)} {side} {value}")
        self._runs[number][side] = run
        self._complete(number)

    def _complete(self, number: int) -> None:
        """Add a pair to those that are complete, if both of its runs are there. Raise OuroError if
        the conditions of a run differ from those of the first pair."""
        runs = self._runs[number]
        if len(runs) < 2:
            return
        first, _ = self._order(number)
        pair = Pair(first, runs["baseline"], runs["tip"], self._plan.slope)
        reference = next(iter(self._done.values()), pair).baseline
        for run in (runs[side] for side in self._order(number)):
            if apart := differences(reference, run):
                raise messages.conditions_changed(apart)
        self._done[number] = pair

    def _find(self, number: int, recorded: Sequence[FinishedRun]) -> dict[Side, FinishedRun]:
        """Return for each side of a pair the first of the ``recorded`` runs of the plan that
        measured its commit with its salt at the level that the bound asks for; of one commit on
        both sides, the first two. It counts whatever its conditions are, so that nobody can measure
        again until a value pleases."""
        salt, _ = self._plan.pairs[number - 1]  # no two pairs have one
        runs = [
            run
            for run in recorded
            if (run.plan, run.salt) == (self._plan.id, salt)
            if run.value is not None and self._is_at_level(run)
        ]
        found: dict[Side, FinishedRun] = {}
        for side in self._order(number):
            run = next((run for run in runs if run.commit == self._commit(side)), None)
            if run is not None:
                runs.remove(run)
                found[side] = run
        return found

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
