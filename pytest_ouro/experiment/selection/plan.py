"""Plan the pairs of a certificate or confirmation, and record the plan before its first run.

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
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.run_record import FinishedRun

#: The salts are drawn from 1 to this.
_SALTS = 2**31 - 1


@dataclass(frozen=True)
class Plan:
    """The pairs of one certificate or confirmation, as they are stated before the first run.

    ``baseline`` and ``tip`` are the kept runs of the two commits, ``night`` is the first commit of
    the night. ``pairs`` has the salt of each pair, and the side that is run first. ``look`` is the
    number of the look in that night, ``looks`` how many were stated before the first (0: none), and
    ``alpha`` the probability of an error that this look may use.
    """

    id: str
    event: Literal["certificate", "confirmation"]
    baseline: FinishedRun
    tip: FinishedRun
    night: str
    pairs: tuple[tuple[int, Side], ...]
    look: int
    looks: int
    alpha: float

    def statement(self, case: Case, **facts: object) -> Statement:
        """Return the statement of this plan with further ``facts``, by the names of its
        attributes; nothing is written."""
        pairs = tuple({"salt": salt, "first": first} for salt, first in self.pairs)
        known: dict[str, object] = {
            "event": self.event,
            "time": now(),
            "plan": self.id,
            "result": "stated",
            "baseline": self.baseline.commit,
            "tip": self.tip.commit,
            "night": self.night,
            "pairs": pairs,
            "look": self.look,
            "looks": self.looks,
            "alpha": self.alpha,
            "metric_name": self.tip.metric_name,
            "direction": self.tip.direction,
            "unit": self.tip.unit,
            "decimals": self.tip.decimals,
            "trust": case.trust.commit,
            "worktree": case.evidence.worktree,
            "branch": case.evidence.branch,
        }
        return Statement(**known | facts)  # type: ignore[arg-type]  # names and values are ours


def open_plan(
    case: Case,
    event: Literal["certificate", "confirmation"],
    baseline: FinishedRun,
    tip: FinishedRun,
    *,
    night: str,
    pairs: int,
    looks: int = 0,
) -> tuple[Plan, bool]:
    """Return the plan of this kind for two commits, and whether it was stated in an earlier
    session: one that has no result yet is continued, otherwise a new one is stated.

    ``night`` is the first commit of the night. ``pairs`` is the number of pairs of a new plan,
    ``looks`` the number of looks that it states if it is the first of its kind in that night (0:
    none is stated). Raise ExperimentError if all stated looks
    are used, or if ``looks`` differs from what was stated; RecordError or GitError if the plan
    cannot be recorded.
    """
    statements = case.evidence.journal.statements()
    ended = {one.plan for one in statements if one.result != "stated"}
    same = [one for one in statements if (one.event, one.night) == (event, night)]
    ends = (baseline.commit, tip.commit, case.trust.commit)
    for one in reversed(same):
        if one.plan not in ended and (one.baseline, one.tip, one.trust) == ends:
            return _plan_of(one, event, baseline, tip), True
    look = 1 + _count_looks(case, event, night, same)
    stated = next((one.looks for one in same), looks if look == 1 else 0)
    if looks not in (0, stated):
        raise messages.looks_stated_before(looks, stated, look)
    if stated and look > stated:
        raise messages.looks_used(stated, night)
    alpha = alpha_of_look(look, stated=stated or None)
    drawn = draw_pairs(pairs)
    plan = Plan(_new_id(), event, baseline, tip, night, drawn, look, stated, alpha)
    ref = f"{LOOKS}{event}/{night}/{look}"
    repo.set_ref(case.repository.git, ref, tip.commit)  # first: it must outlive a killed process
    case.evidence.journal.append(plan.statement(case))
    return plan, False


def draw_pairs(count: int) -> tuple[tuple[int, Side], ...]:
    """Return ``count`` different salts, not 0, each with the side that is run first, which is drawn
    for each pair."""
    salts: set[int] = set()
    while len(salts) < count:
        salts.add(1 + secrets.randbelow(_SALTS))
    return tuple(zip(salts, draw_orders(count, secrets.randbits), strict=True))


def describe(plan: Plan, *, continued: bool) -> str:
    """Return a line about a plan that begins, or continues."""
    begins = "continues" if continued else "begins"
    looks = f" of {plan.looks}" if plan.looks else ""
    most = "up to " if plan.event == "confirmation" else ""
    return (
        f"ouro: the {plan.event} of {plan.tip.commit[:7]} against {plan.baseline.commit[:7]} "
        f"{begins}: {most}{len(plan.pairs)} pairs, look {plan.look}{looks}, alpha {plan.alpha:.4f}"
    )


def _plan_of(
    stated: Statement,
    event: Literal["certificate", "confirmation"],
    baseline: FinishedRun,
    tip: FinishedRun,
) -> Plan:
    """Return the plan that a statement states."""
    pairs: list[tuple[int, Side]] = []
    for pair in stated.pairs:
        salt, first = pair.get("salt"), pair.get("first")
        assert isinstance(salt, int)
        pairs.append((salt, "tip" if first == "tip" else "baseline"))
    alpha = stated.alpha if stated.alpha is not None else ALPHA
    facts = (stated.night, tuple(pairs), stated.look, stated.looks, alpha)
    return Plan(stated.plan, event, baseline, tip, *facts)


def _count_looks(case: Case, event: str, night: str, same: list[Statement]) -> int:
    """Return how many looks were begun in a night: the highest number that a statement in ``same``
    or the name of a ref has; 0 for none."""
    start = f"{LOOKS}{event}/{night}/"
    refs = anchor.refs(case.repository.git.common_dir)
    numbers = [ref.removeprefix(start) for ref in refs if ref.startswith(start)]
    found = [int(number) for number in numbers if number.isdecimal()]
    return max([*found, *(one.look for one in same)], default=0)


def _new_id() -> str:
    """Return a new id of a plan."""
    return uuid.uuid4().hex[:12]
