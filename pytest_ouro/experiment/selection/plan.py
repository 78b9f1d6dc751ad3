"""Plan the pairs of a certificate, confirmation or calibration, and record the plan before its
first run.

Salts and orders are drawn by the supervisor and stated in the journal, so that no pair can be drawn
again because of its result. A ref counts each look too, which outlives a deleted journal.
"""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.records import anchor
from pytest_ouro.evidence.records.anchor import LOOKS
from pytest_ouro.evidence.records.statement import Statement
from pytest_ouro.experiment.records.record import now
from pytest_ouro.experiment.terms import repo
from pytest_ouro.experiment.verdict.pairs import ALPHA, Side, alpha_of_look, draw_orders
from pytest_ouro.messages import selection as messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.engine import Case

Event = Literal["certificate", "confirmation", "calibration", "ablation", "look"]
#: The salts are drawn from 1 to this.
_SALTS = 2**31 - 1


@dataclass(frozen=True)
class Plan:
    """The pairs of one certificate, confirmation or calibration, as they are stated before the
    first run; a look into the vault has none.

    ``baseline`` and ``tip`` are the full ids of the two commits, the same for a calibration;
    ``night`` is that of the night's first commit, "" for a calibration. ``pairs`` has the salt of
    each pair, and the side that is run first. ``look`` is the number of the look in that night,
    ``looks`` how many were stated before the first (0: none), and ``alpha`` the probability of an
    error that this look may use. ``slope`` is by how much a value changes with the speed of the
    machine (see `Statement`), None if gains are not corrected by it.
    """

    id: str
    event: Event
    baseline: str
    tip: str
    night: str
    pairs: tuple[tuple[int, Side], ...]
    look: int
    looks: int
    alpha: float
    slope: float | None = None

    def statement(self, case: Case, **facts: object) -> Statement:
        """Return the statement of this plan with further ``facts``, by the names of its
        attributes; nothing is written."""
        metric = case.experiment.described_metric
        known: dict[str, object] = {
            "event": self.event,
            "time": now(),
            "plan": self.id,
            "result": "stated",
            "baseline": self.baseline,
            "tip": self.tip,
            "night": self.night,
            "pairs": tuple({"salt": salt, "first": first} for salt, first in self.pairs),
            "look": self.look,
            "looks": self.looks,
            "alpha": self.alpha,
            "slope": self.slope,
            "metric_name": metric.name,
            "direction": metric.direction,
            "unit": metric.unit,
            "decimals": metric.decimals,
            "trust": case.trust.commit,
            "worktree": case.evidence.worktree,
            "branch": case.evidence.branch,
        }
        return Statement(**known | facts)  # type: ignore[arg-type]  # names and values are ours

    @classmethod
    def stated_by(cls, one: Statement) -> Plan:
        """Return the plan that a statement with the result "stated" states."""
        pairs: list[tuple[int, Side]] = []
        for pair in one.pairs:
            salt = pair.get("salt")
            assert isinstance(salt, int)
            pairs.append((salt, "tip" if pair.get("first") == "tip" else "baseline"))
        alpha = ALPHA if one.alpha is None else one.alpha
        facts = (one.night, tuple(pairs), one.look, one.looks, alpha, one.slope)
        return cls(one.plan, one.event, one.baseline, one.tip, *facts)  # type: ignore[arg-type]


def open_plan(
    case: Case,
    event: Event,
    baseline: str,
    tip: str,
    *,
    night: str = "",
    pairs: int,
    looks: int = 0,
) -> tuple[Plan, bool]:
    """Return the plan of this kind for two commits, and whether it was stated in an earlier
    session: one that has no result yet is continued, otherwise a new one is stated.

    ``night`` is the first commit of the night, "" for a plan that is not a look. ``pairs`` is the
    number of pairs of a new plan, ``looks`` the number of looks that it states if it is the first
    of its kind in that night (0: none is stated). Raise ExperimentError if all stated looks are
    used, or if ``looks`` differs from what was stated; RecordError or GitError if the plan cannot
    be recorded.
    """
    statements = case.evidence.journal.statements()
    ended = {one.plan for one in statements if one.result != "stated"}
    same = [one for one in statements if (one.event, one.night) == (event, night)]
    ends = (baseline, tip, case.trust.commit)
    for one in reversed(same):
        if one.plan not in ended and (one.baseline, one.tip, one.trust) == ends:
            return Plan.stated_by(one), True
    look, stated = _count_look(case, event, night, same, looks) if night else (1, 0)
    alpha = alpha_of_look(look, stated=stated or None)
    slope = _find_slope(case, statements) if night else None
    facts = (draw_pairs(pairs), look, stated, alpha, slope)
    plan = Plan(_new_id(), event, baseline, tip, night, *facts)
    if night:
        ref = f"{LOOKS}{event}/{night}/{look}"
        repo.set_ref(case.repository.git, ref, tip)  # first: it must outlive a killed process
    case.evidence.journal.append(plan.statement(case))
    return plan, False


def open_ablation(case: Case, tip: str, without: Sequence[str], *, pairs: int) -> list[Plan]:
    """Return a plan for each of the commits ``without`` a group of edits, in their order, to be
    compared with the commit ``tip``: one stated in an earlier session that has no result, or new
    ones, which are stated. All have the same id and the same pairs, so that they share the tip's
    runs, and the same share of ALPHA. ``pairs`` is the number of pairs of new plans. Raise
    RecordError if they cannot be recorded."""
    statements = case.evidence.journal.statements()
    ended = {one.plan for one in statements if one.result != "stated"}
    open_ones = [
        one
        for one in statements
        if one.event == "ablation" and one.tip == tip and one.plan not in ended
    ]
    if open_ones and open_ones[-1].trust == case.trust.commit:
        stated = {one.baseline: one for one in open_ones if one.plan == open_ones[-1].plan}
        if stated.keys() == {*without}:
            return [Plan.stated_by(stated[commit]) for commit in without]
    name, drawn = _new_id(), draw_pairs(pairs)
    alpha = ALPHA / len(without)
    facts = (drawn, 1, 0, alpha, _find_slope(case, statements))
    plans = [Plan(name, "ablation", commit, tip, "", *facts) for commit in without]
    for plan in plans:
        case.evidence.journal.append(plan.statement(case))
    return plans


def describe(plan: Plan, *, continued: bool) -> str:
    """Return a line about a plan that begins, or continues."""
    begins = "continues" if continued else "begins"
    against = "" if plan.tip == plan.baseline else f" against {plan.baseline[:7]}"
    what = f"ouro: the {plan.event} of {plan.tip[:7]}{against} {begins}"
    if not plan.night:
        return f"{what}: 2 runs with each of {len(plan.pairs)} salts"
    looks = f" of {plan.looks}" if plan.looks else ""
    most = "up to " if plan.event == "confirmation" else ""
    return f"{what}: {most}{len(plan.pairs)} pairs, look {plan.look}{looks}, alpha {plan.alpha:.4f}"


def draw_pairs(count: int) -> tuple[tuple[int, Side], ...]:
    """Return ``count`` different salts, not 0, each with the side that is run first, which is drawn
    for each pair."""
    salts: set[int] = set()
    while len(salts) < count:
        salts.add(1 + secrets.randbelow(_SALTS))
    return tuple(zip(salts, draw_orders(count, secrets.randbits), strict=True))


def _count_look(
    case: Case, event: str, night: str, same: list[Statement], looks: int
) -> tuple[int, int]:
    """Return the number of the next look in a night, and how many were stated (0: none), where
    ``same`` are the statements of its kind and ``looks`` is how many are asked for now. Raise
    ExperimentError if that differs from what was stated, or no stated look is left.

    The looks that were begun are counted by the statements and by the names of refs.
    """
    start = f"{LOOKS}{event}/{night}/"
    refs = anchor.refs(case.repository.git.common_dir)
    numbers = [ref.removeprefix(start) for ref in refs if ref.startswith(start)]
    found = [int(number) for number in numbers if number.isdecimal()]
    look = 1 + max([*found, *(one.look for one in same)], default=0)
    stated = next((one.looks for one in same), looks if look == 1 else 0)
    if looks not in (0, stated):
        raise messages.looks_stated_before(looks, stated, look)
    if stated and look > stated:
        raise messages.looks_used(stated, night)
    return look, stated


def _find_slope(case: Case, statements: Sequence[Statement]) -> float | None:
    """Return the slope that the last calibration under the present trust measured; None if it
    measured none, as the speed of the machine did not explain the values."""
    slopes = [
        one.slope
        for one in statements
        if one.event == "calibration"
        and one.result == "measured"
        and one.trust == case.trust.commit
    ]
    return slopes[-1] if slopes else None


def _new_id() -> str:
    """Return a new id of a plan."""
    return uuid.uuid4().hex[:12]
