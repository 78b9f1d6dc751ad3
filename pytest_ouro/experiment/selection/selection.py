"""The result of a certificate or a confirmation, and the lines that are printed about it; and the
statement of what the pairs of any plan show."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pytest_ouro.bound.tables import LEVELS
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.statistics.pairs import PairStatistics, detectable, grant
from pytest_ouro.evidence.records.row_losses import read_losses
from pytest_ouro.experiment.selection.pairs import digest_of
from pytest_ouro.experiment.verdict.repeats import why_dependent, why_equal
from pytest_ouro.experiment.verdict.rows_error import rows_standard_error
from pytest_ouro.messages import selection as messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.statement import Statement, StatementResult
    from pytest_ouro.experiment.result import Result
    from pytest_ouro.experiment.selection.attempts import Attempts
    from pytest_ouro.experiment.selection.pairs import Pair
    from pytest_ouro.experiment.selection.plan import Plan

#: The statements that grant something, for which equal values count as one.
_STRICT = ("certificate", "confirmation")

_WORDS = {
    "granted": "certified",
    "not-granted": "not-certified",
    "confirmed": "confirmed",
    "refuted": "refuted",
    "undecided": "undecided",
}


@dataclass(frozen=True)
class Selection:
    """The result of a certificate or confirmation.

    ``statement`` is its line in the journal; None if a run of a pair gave no value that counts:
    then ``result`` is that of the run, and ``message`` says why. ``pairs`` is the number of
    complete pairs, ``planned`` that of all. ``settlement`` are lines about the branch.
    """

    event: Literal["certificate", "confirmation"]
    pairs: int
    planned: int
    statement: Statement | None = None
    result: Result | None = None
    message: str = ""
    settlement: tuple[str, ...] = ()

    @property
    def facts(self) -> dict[str, str | float | None]:
        """The result, gain, lower bound and level of the statement, by name; {} without one."""
        if (one := self.statement) is None:
            return {}
        return {"result": one.result, "gain": one.gain, "low": one.low, "level": one.level}

    def lines(self, *, quiet: bool = False) -> tuple[str, ...]:
        """Return the lines that are printed before the last line: what the numbers mean, and lines
        on the branch. With ``quiet``, the meaning is left out, unless it is that the numbers count
        for nothing. If Ctrl-C ended a run, how it goes on. () if there is nothing to say."""
        one = self.statement
        if one is None:
            ended = self.result is not None and self.result.interrupted
            return (f"ouro: {messages.GO_ON}",) if ended else ()
        lines = [explain(one)]
        if quiet:
            void = one.against or one.counts_as_one
            return (*(f"ouro: {line}" for line in lines if void), *self.settlement)
        if one.failed:
            runs = "1 run" if len(one.failed) == 1 else f"{len(one.failed)} runs"
            lines.append(
                f"{runs} gave no value and counted against the error that may be made: alpha "
                f"{one.alpha:.4f}"
            )
        if one.rows_se is not None:
            lines.append(
                f"on other rows than the judged ones, the gain has a further standard error of "
                f"{one.metric.text(one.rows_se)}"
            )
        return (*(f"ouro: {line}" for line in lines), *self.settlement)

    @property
    def last_line(self) -> str:
        """The stable line that people and agents grep for, such as ``ouro: certified gain=0.0102
        low=0.0081 pairs=5 claimed=0.0143 …``; ``ouro: certificate-unfinished pairs=2/5 …`` if a run
        gave no value."""
        one = self.statement
        if one is None:
            assert self.result is not None
            return (
                f"ouro: {self.event}-unfinished pairs={self.pairs}/{self.planned} "
                f"commit={self.result.commit[:7]} reason={self.result.reason}"
            )
        text = one.metric.text
        facts = [f"gain={text(one.gain)}", f"low={text(one.low)}", f"pairs={self.pairs}"]
        if one.margin is not None:
            facts.append(f"margin={text(one.margin)}")
        elif one.detectable is not None and one.result in ("not-granted", "refuted"):
            facts.append(f"detectable={text(one.detectable)}")
        if one.claimed is not None:
            facts.append(f"claimed={text(one.claimed)}")
        ends = f"level={one.level} baseline={one.baseline[:7]} commit={one.tip[:7]}"
        return f"ouro: {_WORDS[one.result]} {' '.join(facts)} {ends}"


def explain(one: Statement) -> str:
    """Return a sentence that says what a statement allows to claim."""
    text = one.metric.text
    if one.counts_as_one:
        return f"{one.counts_as_one}: the pairs count as one, and show nothing"
    if one.against and one.result != "refuted":
        return f"nothing is granted, whatever the values show: {one.against}"
    alpha = one.alpha or 0.0
    sure = f"{100 * (1 - alpha):.1f} %"
    if one.margin is not None:
        return _explain_simpler(one, text(one.margin))
    if one.result == "granted":
        return f"the gain is at least {text(one.low)} with a confidence of {sure}"
    if one.result == "confirmed":
        return f"the edit helps: its gain is {text(one.gain)}, at least {text(one.low)}"
    if one.result == "refuted":
        return "the edit is not shown to help: its commit is not a keep any more"
    if one.low is not None and one.low > 0 and one.p_flip is not None and one.p_flip > alpha:
        return (
            "the lower bound is above 0, but the exact sign-flip test does not agree: its p is "
            f"{one.p_flip:.4f}, and {alpha:.4f} is allowed"
        )
    if one.detectable is None:
        return "the pairs do not show a gain; as all have the same, what they could show is unknown"
    found = f"the pairs do not show a gain: as many find one of {text(one.detectable)} in 4 of 5"
    return f"{found} nights"


def _explain_simpler(one: Statement, margin: str) -> str:
    """Return a sentence that says what the confirmation of a ``simpler`` keep allows to claim, of
    which ``margin`` is what it may lose."""
    text = one.metric.text
    if one.result == "confirmed":
        lost = f"no more than {margin}, the band within which it tied" if one.margin else "nothing"
        return f"the code is smaller, and the pairs show that it loses {lost}"
    if one.result == "refuted":
        worse = text(-one.high) if one.high is not None else "an unknown amount"
        return f"the smaller code is worse, by {worse} at least: its commit is not a keep any more"
    return (
        "the pairs show neither that the smaller code is worse, nor that it loses no more than "
        f"{margin}: its commit stays a keep"
    )


def state(
    case: Case,
    plan: Plan,
    pairs: Sequence[Pair],
    result: StatementResult,
    alpha: float,
    claimed: float | None,
    attempts: Attempts | None = None,
    **facts: object,
) -> Statement:
    """Return the statement about the pairs of a plan whose result is ``result``; it is not written
    yet. The bounds of the gain are those at ``alpha``. ``claimed`` is the gain by the runs of the
    search, ``attempts`` what failed runs cost, and ``facts`` are further attributes of the
    statement."""
    gains = [pair.gain for pair in pairs]
    found = grant(gains, alpha)
    dependent = find_dependence(pairs, strict=plan.event in _STRICT)
    runs = [run for pair in pairs for run in (pair.baseline, pair.tip)]
    last = runs[-1]
    sd = PairStatistics.of(gains).sd
    smallest = detectable(sd, len(gains), alpha) if sd else math.inf  # equal gains tell no noise
    return plan.statement(
        case,
        result=result,
        alpha=alpha,
        counts_as_one=dependent,
        pairs=tuple(pair.to_json() for pair in pairs),
        gain=found.gain,
        se=_finite(found.se),
        low=_finite(found.low),
        high=_finite(found.high),
        p_flip=found.p_flip,
        detectable=_finite(smallest),
        claimed=claimed,
        rows_se=_rows_error(case, pairs),
        level=min((run.level or "claimed" for run in runs), key=LEVELS.index),
        harness=last.harness or "",
        data=last.data or "",
        device=last.device,
        device_name=last.device_name,
        holds=last.holds,
        evidence=digest_of(case.evidence.journal, runs),
        failed=attempts.ids if attempts else (),
        against=attempts.against if attempts else "",
        **facts,
    )


def state_failure(case: Case, plan: Plan, attempts: Attempts, why: str) -> Statement:
    """Return the statement on a plan of which one commit failed by itself, as ``why`` says, so that
    nothing was measured; it has no pairs, and is not written yet."""
    return plan.statement(
        case,
        result="measured",
        alpha=attempts.alpha,
        pairs=(),
        failed=attempts.ids,
        against=why,
    )


def _rows_error(case: Case, pairs: Sequence[Pair]) -> float | None:
    """Return the standard error of the pairs' gain that is due to the choice of the rows; None if
    the losses by row of a run are not stored, or where `rows_standard_error` returns None. Raise
    RecordError if a file of them is not what was recorded."""
    journal = case.evidence.journal
    found = []
    for pair in pairs:
        sides = read_losses(journal, pair.baseline), read_losses(journal, pair.tip)
        if sides[0] is None or sides[1] is None:
            return None
        found.append((sides[0], sides[1]))
    return rows_standard_error(found)


def find_dependence(pairs: Sequence[Pair], *, strict: bool) -> str:
    """Return why the pairs are not independent ("" if they may be): the salts make no difference to
    the runs of the baseline, or to those of the tip. A metric that an evaluate-command measures may
    be without any noise: its equal values count only if ``strict``, as nothing tells them from
    those of a program that ignores the salts."""
    sides = ([pair.baseline for pair in pairs], [pair.tip for pair in pairs])
    for side in sides:
        if len(side) > 1 and (why := why_dependent(side) or (why_equal(side) if strict else "")):
            return why
    return ""


def _finite(value: float) -> float | None:
    """Return the value; None if it is infinite or NaN."""
    return value if math.isfinite(value) else None
