"""Ablate the tip of a night, its last keep: take each group of edits out of it, and measure by
fresh pairs of runs what the tip loses without the group."""

from __future__ import annotations

import math
import secrets
from collections import Counter
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.records.run_record import FinishedRun
from pytest_ouro.experiment.measurer import Serial
from pytest_ouro.experiment.selection.attempts import OWN, count_attempts, last_records
from pytest_ouro.experiment.selection.edits import find_groups
from pytest_ouro.experiment.selection.ends import find_night
from pytest_ouro.experiment.selection.holding import hold_plan
from pytest_ouro.experiment.selection.pairs import Pairs, Unfinished
from pytest_ouro.experiment.selection.plan import open_ablation
from pytest_ouro.experiment.selection.selection import state, state_failure
from pytest_ouro.messages import selection as messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ouro.bound.tables import Device
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.statement import Statement
    from pytest_ouro.experiment.result import Result
    from pytest_ouro.experiment.selection.edits import Group
    from pytest_ouro.experiment.selection.plan import Plan
    from pytest_ouro.experiment.terms.job import Progress

#: A group is needed if so many runs without it, with one salt, fail by themselves.
_NEEDED = 2


@dataclass(frozen=True)
class Ablation:
    """The result of an ablation of the commit ``tip``: for each of ``groups`` a statement in
    ``statements``, in the same order.

    A group without which the tip fails by itself is needed: its statement has no gain, but says in
    ``against`` how many of the runs without it failed. If another run gave no value that counts,
    ``statements`` is empty, ``result`` is that of the run, and ``message`` says why. ``planned`` is
    the number of pairs of each group.
    """

    tip: str
    groups: tuple[Group, ...]
    planned: int
    statements: tuple[Statement, ...] = ()
    result: Result | None = None
    message: str = ""

    @property
    def facts(self) -> dict[str, str | float | None]:
        """The gain of the tip over the tip without each group, by the group's name, None for a
        group that is needed; {} if a run gave no value."""
        found = zip(self.groups, self.statements, strict=False)
        return {group.name: one.gain for group, one in found}

    def lines(self, *, quiet: bool = False) -> tuple[str, ...]:
        """Return a line for each group, those that are needed first, then the largest gain: what
        the tip loses without it, and whether that is shown. If a run gave no value that counts,
        return () or, if Ctrl-C ended it, one line that says how the ablation goes on. ``quiet``
        changes nothing."""
        if self.result is not None and self.result.interrupted:
            return (f"ouro: {messages.GO_ON}",)
        found = sorted(
            zip(self.groups, self.statements, strict=False),
            key=lambda one: -math.inf if one[1].gain is None else -one[1].gain,
        )
        return tuple(f"ouro: {_describe(group, one)}" for group, one in found)

    @property
    def last_line(self) -> str:
        """The stable line: ``ouro: ablated groups=4 matter=2 hurt=0 needed=1 pairs=5 commit=…``, or
        ``ouro: ablation-unfinished …`` if it is not finished."""
        ends = f"pairs={self.planned} commit={self.tip[:7]}"
        if not self.statements:
            assert self.result is not None
            return f"ouro: ablation-unfinished {ends} reason={self.result.reason}"
        kinds = [_judge(one) for one in self.statements]
        return (
            f"ouro: ablated groups={len(kinds)} matter={kinds.count('matters')} "
            f"hurt={kinds.count('hurts')} needed={kinds.count('needed')} {ends}"
        )


def _judge(one: Statement) -> str:
    """Return what a group's statement shows: that the group ``matters``, that it ``hurts``, or that
    it is ``not shown to matter``; ``needed`` if the tip fails without it."""
    if one.gain is None:
        return "needed"
    if not one.counts_as_one and one.low is not None and one.low > 0:
        return "matters"
    if not one.counts_as_one and one.high is not None and one.high < 0:
        return "hurts"
    return "not shown to matter"


def _describe(group: Group, one: Statement) -> str:
    """Return a text about a group: its gain with the bounds, or how many runs without it failed;
    what that shows; and its edits."""
    text = one.metric.text
    if one.gain is None:
        return f"needed, {one.against}: {group.name}"
    return (
        f"gain {text(one.gain)} ({text(one.low)} to {text(one.high)}), {_judge(one)}: {group.name}"
    )


def ablate(
    case: Case,
    *,
    pairs: int,
    again: bool = False,
    device: Device | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Ablation:
    """Measure the tip of the night against the tip without each group of its edits, with ``pairs``
    salts; record a statement for each group, and return the result. If a run gives no value that
    counts, no result is recorded, and what is returned says why.

    The tip runs once with each salt, for all groups. The bounds of all gains hold together with a
    probability of at least 0.9: each is one-sided at 0.05 divided by the number of groups, or at
    less after failed runs. A group without which a run fails by itself is run once more with the
    same salt; if that fails too, it is needed, and no further run is made without it. An ablation
    that was begun and has no result is continued with its own salts, unless one is to be begun
    ``again``. Raise OuroError, mostly ExperimentError, if there are no edits, or none that can be
    taken out, or a run cannot be made.
    """
    kept = find_night(case)
    groups, tip = find_groups(case, kept), kept[0].commit
    if not groups:
        raise messages.nothing_to_take_out(tip)
    without = [group.without for group in groups]
    serial = Serial(case, device, progress, say)
    plans = open_ablation(case, tip, without, pairs=pairs, device=serial.profile, again=again)
    count = len(plans[0].pairs)
    runs = count * (1 + len(groups))
    say(f"ouro: the ablation of {tip[:7]}: {len(groups)} groups of edits, {runs} runs")
    sets = [Pairs(case, plan, serial, say) for plan in plans]
    written = []
    with hold_plan(case, plans[0].id):
        try:
            for number in range(1, count + 1):
                order = list(sets)
                secrets.SystemRandom().shuffle(order)
                for one in order:
                    _run(case, one, number, say)
        except Unfinished as error:
            return Ablation(tip, tuple(groups), count, (), error.result, error.message)
        for plan, one in zip(plans, sets, strict=True):
            done = one.done
            attempts = count_attempts(case, plan, done)
            if why := _why_needed(case, plan):
                found = state_failure(case, plan, attempts, why)
            else:
                found = state(case, plan, done, "measured", attempts.alpha, None, attempts)
            written.append(case.evidence.journal.append(found))
    return Ablation(tip, tuple(groups), count, tuple(written))


def _run(case: Case, pairs: Pairs, number: int, say: Callable[[str], None]) -> None:
    """Run the first ``number`` pairs of a group; none, if it is needed. Raise Unfinished if a run
    gives no value for another reason than that the code without the group fails by itself."""
    plan = pairs.plan
    while not _why_needed(case, plan):
        try:
            pairs.run(number)
        except Unfinished as error:
            failed = error.result.record
            if failed is None or failed.commit != plan.baseline or failed.reason not in OWN:
                raise
            say(f"ouro: a run without the edits of a group failed ({failed.reason})")
        else:
            return


def _why_needed(case: Case, plan: Plan) -> str:
    """Return that and how often the tip without a plan's group failed by itself, as a clause; "" if
    it did not do so `_NEEDED` times with one salt."""
    runs = [run for run in last_records(case, plan) if run.commit == plan.baseline]
    ended = [run for run in runs if isinstance(run, FinishedRun)]
    failed = [run for run in ended if run.reason in OWN]
    if max(Counter(run.salt for run in failed).values(), default=0) < _NEEDED:
        return ""
    valued = sum(run.value is not None for run in ended)
    words = Counter(run.reason.value for run in failed)
    kinds = ", ".join(f"{word} {count}" for word, count in words.items())
    return f"{len(failed)} of {len(failed) + valued} runs without it failed ({kinds})"
