"""Plan the pairs of a certificate, confirmation, calibration or ablation, and record the plan
before its first run.

Salts and orders are drawn by the supervisor and stated in the journal, so that no pair can be drawn
again because of its result. Each look also has a ref of its own, which outlives a deleted journal.
"""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.statistics.pairs import ALPHA, Side, alpha_of_look, draw_orders
from pytest_ouro.evidence.records.anchor import LOOKS
from pytest_ouro.evidence.records.statement import Statement
from pytest_ouro.experiment.devices.device import choose
from pytest_ouro.experiment.records.record import now
from pytest_ouro.experiment.records.sharing import keep_commit
from pytest_ouro.experiment.selection.holding import hold_plans, make_place
from pytest_ouro.experiment.selection.looks import count_look
from pytest_ouro.experiment.verdict.history import differences
from pytest_ouro.messages import selection as messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_ouro.bound.tables import Device
    from pytest_ouro.engine import Case

Event = Literal["certificate", "confirmation", "calibration", "ablation", "look"]
#: The salts are drawn from 1 to this.
_SALTS = 2**31 - 1


@dataclass(frozen=True)
class Plan:
    """The pairs of one certificate, confirmation or calibration, or of one group of an ablation, as
    they are stated before the first run; a look into the vault has none.

    ``baseline`` and ``tip`` are the full ids of the two commits, the same for a calibration;
    ``night`` is that of the night's first commit, "" for a calibration or an ablation. ``pairs``
    has the salt of each pair, and the side that is run first. ``look`` is the number of the look in
    that night, ``looks`` how many were stated before the first (0: none), and ``alpha`` the
    probability of an error that this look may use. ``slope`` is by how much a value changes with
    the speed of the machine (see `Statement`), None if gains are not corrected by it. ``margin`` is
    what the tip may lose, None if it must gain.
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
    margin: float | None = None

    def statement(self, case: Case, **facts: object) -> Statement:
        """Return a statement of this plan, by default one that states it; ``facts`` are further
        attributes of it by name, or replace the plan's. Nothing is written."""
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
            "margin": self.margin,
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
        facts = (one.night, tuple(pairs), one.look, one.looks, alpha, one.slope, one.margin)
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
    device: Device | None = None,
    margin: float | None = None,
    again: bool = False,
) -> tuple[Plan, bool]:
    """Return the plan of the kind ``event`` for two commits, and whether it was stated in an
    earlier session: the last one is continued if it has no result yet, the trusted commit is the
    same and its runs have the same conditions, unless one is to be begun ``again``; otherwise a new
    one is stated.

    ``night`` is the first commit of the night, "" for a plan that is not a look. ``pairs`` is the
    number of pairs of a new plan, ``looks`` the number of looks that it states if it is the first
    of its kind in that night (0: none is stated), and ``margin`` what its tip may lose (None: it
    must gain). ``device`` is that of the runs, None for the bound's. Raise ExperimentError if all
    stated looks are used, or if ``looks`` differs from what was stated; RecordError or GitError if
    the plan cannot be recorded.
    """
    with hold_plans(case):
        statements = case.evidence.journal.statements()
        ends = (event, night, baseline, tip)
        last = _last(one for one in statements if ends == _ends_of(one))
        if last and not again and _is_open(case, last, statements):
            plan = Plan.stated_by(last)
            if looks not in (0, plan.looks):
                raise messages.looks_stated_before(looks, plan.looks, plan.look)
            _count(case, plan)
            return plan, True
        look, stated = count_look(case, event, night, statements, looks) if night else (1, 0)
        alpha = alpha_of_look(look, stated=stated or None)
        slope = _find_slope(case, statements, device) if night else None
        facts = (draw_pairs(pairs), look, stated, alpha, slope, margin)
        plan = Plan(_new_id(), event, baseline, tip, night, *facts)
        make_place(case, plan.id)
        case.evidence.journal.append(plan.statement(case))
        _count(case, plan)
        return plan, False


def open_ablation(
    case: Case,
    tip: str,
    without: Sequence[str],
    *,
    pairs: int,
    device: Device | None = None,
    again: bool = False,
) -> list[Plan]:
    """Return a plan for each of the commits ``without`` a group of edits, in their order, to be
    compared with the commit ``tip``: those that an earlier session stated last, if they are for the
    same commits and can be continued as in `open_plan`, and none is to be begun ``again``;
    otherwise new ones, which are stated. All have the same id and the same pairs, so that they
    share the tip's runs, and the same share of ALPHA. ``pairs`` is the number of pairs of new
    plans, ``device`` that of the runs, None for the bound's. Raise RecordError if they cannot be
    recorded."""
    with hold_plans(case):
        statements = case.evidence.journal.statements()
        last = _last(one for one in statements if (one.event, one.tip) == ("ablation", tip))
        if last and not again and _is_open(case, last, statements):
            stated = {one.baseline: one for one in statements if one.plan == last.plan}
            if stated.keys() == {*without}:
                return [Plan.stated_by(stated[commit]) for commit in without]
        name, drawn = _new_id(), draw_pairs(pairs)
        alpha = ALPHA / len(without)
        facts = (drawn, 1, 0, alpha, _find_slope(case, statements, device))
        plans = [Plan(name, "ablation", commit, tip, "", *facts) for commit in without]
        make_place(case, name)
        for plan in plans:
            case.evidence.journal.append(plan.statement(case))
        return plans


def _last(statements: Iterable[Statement]) -> Statement | None:
    """Return the last of these statements; None if there are none."""
    return next(iter([*statements][-1:]), None)


def _ends_of(one: Statement) -> tuple[str, str, str, str]:
    """Return what a statement is about: its kind, its night and its two commits."""
    return one.event, one.night, one.baseline, one.tip


def _is_open(case: Case, one: Statement, statements: Sequence[Statement]) -> bool:
    """Return whether a statement states a plan that can be continued: it has no result yet, the
    trusted commit is the same, and the runs that were made do not differ in conditions."""
    if one.result != "stated" or one.trust != case.trust.commit:
        return False
    if any(other.plan == one.plan and other.result != "stated" for other in statements):
        return False
    runs = [run for run in case.evidence.journal.runs() if run.plan == one.plan]
    runs = [run for run in runs if run.value is not None]
    return not any(differences(runs[0], run) for run in runs)


def _count(case: Case, plan: Plan) -> None:
    """Set the ref that counts a look to the plan's tip, if the plan is a look (it has a night):
    before its first run, and again if somebody deleted it. Its name says how many looks were
    stated, unless none was. Raise GitError or RecordError if that fails."""
    if plan.night:
        of = f"-of-{plan.looks}" if plan.looks else ""
        ref = f"{LOOKS}{plan.event}/{plan.night}/{plan.look}{of}"
        keep_commit(case, ref, plan.tip)


def describe(plan: Plan, *, continued: bool) -> str:
    """Return a line about a plan that begins, or continues."""
    begins = "continues" if continued else "begins"
    against = "" if plan.tip == plan.baseline else f" against {plan.baseline[:7]}"
    what = f"ouro: the {plan.event} of {plan.tip[:7]}{against} {begins}"
    if not plan.night:
        return f"{what}: 2 runs with each of {len(plan.pairs)} salts"
    looks = f" of {plan.looks}" if plan.looks else ""
    most = "up to " if plan.event == "confirmation" else ""
    ends = "; --ouro-again begins a further look in its place" if continued else ""
    return (
        f"{what}: {most}{len(plan.pairs)} pairs, look {plan.look}{looks}, alpha {plan.alpha:.4f}"
        f"{ends}"
    )


def draw_pairs(count: int) -> tuple[tuple[int, Side], ...]:
    """Return ``count`` different salts, not 0, each with the side that is run first, which is drawn
    for each pair."""
    salts: set[int] = set()
    while len(salts) < count:
        salts.add(1 + secrets.randbelow(_SALTS))
    return tuple(zip(salts, draw_orders(count, secrets.randbits), strict=True))


def _find_slope(case: Case, statements: Sequence[Statement], device: Device | None) -> float | None:
    """Return the slope that the last calibration under the present trust measured on the profile of
    ``device`` (None: the bound's); None if there is no such calibration, or if the speed of the
    machine did not explain its values."""
    wanted = device or case.experiment.device
    profile = choose("auto") if wanted == "auto" else wanted
    slopes = [
        one.slope
        for one in statements
        if one.event == "calibration"
        and one.result == "measured"
        and one.trust == case.trust.commit
        and one.device == profile
    ]
    return slopes[-1] if slopes else None


def _new_id() -> str:
    """Return a new id of a plan."""
    return uuid.uuid4().hex[:12]
