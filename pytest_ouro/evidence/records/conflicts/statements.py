"""Find the facts of a statement that follow from its plan and its runs."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

from pytest_ouro.core.statistics.pairs import LOOKS, confirm, confirm_no_worse, grant
from pytest_ouro.core.statistics.spread import mean
from pytest_ouro.evidence.records.conflicts.fact import Fact, Past
from pytest_ouro.evidence.records.record_format import digest_of
from pytest_ouro.evidence.records.statement import Statement, paired_gain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_ouro.evidence.records.run_record import FinishedRun

#: The statements whose alpha is halved by each run of their plan that gave no value.
_COUNTS_FAILURES = ("certificate", "confirmation", "ablation")
#: The results on which the states of keeps depend.
_DECIDING = ("granted", "confirmed", "refuted")
#: What all runs of a statement have in common, and the statement repeats unless it is empty.
_CONDITIONS = ("level", "harness", "data", "device", "device_name")


def facts_of_statement(
    statement: Statement, plan: Statement | None, before: Past, lines: Mapping[str, bytes]
) -> Iterator[Fact]:
    """Yield the facts of a statement that follow from others; expected and recorded value may be
    equal. ``plan`` is the line that stated its plan before the first run (None: there is no such
    line), ``before`` are the runs before it, and ``lines`` their lines in the journal, by id."""
    yield from _planned(statement, plan)
    yield from _stated(statement, before)
    names = [str(name) for pair in statement.pairs for name in _runs_of(pair)] or statement.runs
    if statement.evidence and all(name in lines for name in names):
        digest = digest_of([lines[name] for name in names])
        yield Fact("evidence", digest, statement.evidence)


def _planned(statement: Statement, plan: Statement | None) -> Iterator[Fact]:
    """Yield the facts of a statement that follow from its ``plan``: the salts, orders and number of
    its pairs, the tip, the night, the numbers of this look and of the stated looks, the margin, the
    slope, and the largest alpha that is left after the runs that failed. Without a plan, yield one
    fact if the statement decides about a keep, else nothing."""
    if plan is None:
        if statement.result in _DECIDING:
            yield Fact("plan", "the id of a plan that was stated before", statement.plan)
        return
    drawn = [(pair.get("salt"), pair.get("first")) for pair in plan.pairs]
    used = [(pair.get("salt"), pair.get("first")) for pair in statement.pairs]
    yield Fact("pairs", drawn[: len(used)], used)
    if statement.event == "certificate" and len(used) < len(drawn):
        yield Fact("pairs", f"{len(drawn)} pairs", f"{len(used)} pairs")
    yield Fact("tip", plan.tip, statement.tip)
    yield Fact("night", plan.night, statement.night)
    yield Fact("look", plan.look, statement.look)
    yield Fact("looks", plan.looks, statement.looks)
    yield Fact("margin", plan.margin, statement.margin)
    if statement.event != "calibration":
        yield Fact("slope", plan.slope, statement.slope)
    if statement.event in _COUNTS_FAILURES and None not in (plan.alpha, statement.alpha):
        left = (plan.alpha or 0.0) * 0.5 ** len(statement.failed)
        if statement.event == "confirmation" and statement.result != "stated":
            left /= len(LOOKS)
        if (statement.alpha or 0.0) > left * (1 + 1e-9):
            yield Fact("alpha", f"at most {left:.12g}", statement.alpha)


def _runs_of(pair: Mapping[str, object]) -> list[object]:
    """Return the ids of the runs that a pair names; [] if it names none."""
    named = pair.get("runs")
    return named if isinstance(named, list) else []


def _stated(statement: Statement, before: Past) -> Iterator[Fact]:
    """Yield the facts of a statement that follow from the runs ``before`` it: the commit, the salt
    and the value of each run that a pair names, that none is named twice, that no run of its plan
    without a value is left out, and what follows from the gains of the pairs."""
    slope = None if statement.event == "calibration" else statement.slope  # this line measured it
    gains, every = [], list[str]()
    for pair in statement.pairs:
        ids = _runs_of(pair)
        one, other = (before.get(("run", str(name)), [None])[-1] for name in [*ids, "", ""][:2])
        every += map(str, ids)
        yield from _side("baseline", statement.baseline, pair, one)
        yield from _side("tip", statement.tip, pair, other)
        gain = paired_gain(one, other, slope) if one and other else None
        gains += [] if gain is None else [gain]
        for name in _CONDITIONS if other else ():
            if getattr(statement, name):
                yield Fact(name, getattr(other, name), getattr(statement, name))
    if len({*every}) < len(every):
        yield Fact("pairs", "every run once", every)
    if len(gains) == len(statement.pairs):
        yield from _numbers(statement, gains)
    if statement.event in ("certificate", "confirmation") and statement.claimed is not None:
        yield from _claim(statement, before)
    commits = (statement.baseline, statement.tip)
    planned = before.get(("plan", statement.plan), [])
    for run in planned if statement.event in _COUNTS_FAILURES else ():
        ours = run.commit in commits and run.value is None
        if ours and run.outcome != "not-started" and run.run not in statement.failed:
            yield Fact("failed", f"with {run.run}, which gave no value", statement.failed)


def _side(
    name: str, commit: str, pair: Mapping[str, object], run: FinishedRun | None
) -> Iterator[Fact]:
    """Yield the facts of one side of a pair, ``name``, that follow from the run that it names: its
    commit, its salt and its value. ``run`` is None if no such run is recorded."""
    if run is None or run.value is None:
        yield Fact(f"pairs.{name}", "the value of a recorded run", pair.get(name))
        return
    yield Fact(f"pairs.{name}", run.value, pair.get(name))
    yield Fact("pairs.salt", run.salt, pair.get("salt"))
    yield Fact(name, commit, run.commit)


def _numbers(statement: Statement, gains: Sequence[float]) -> Iterator[Fact]:
    """Yield the facts of a statement that follow from the gains of all of its pairs and its alpha:
    their mean, its standard error, both bounds and the p of the sign-flip test (`grant`; None if
    infinite), and the result (`_decide`)."""
    if gains:
        yield Fact("gain", mean(gains), statement.gain)
    alpha = statement.alpha
    if not gains or alpha is None or not 0 < alpha < 1:
        if statement.result in _DECIDING:
            yield Fact("result", "none, without pairs and an alpha", statement.result)
        return
    found = grant(gains, alpha)
    for key in ("se", "low", "high", "p_flip"):
        value = getattr(found, key)
        finite = value if value is not None and math.isfinite(value) else None
        yield Fact(key, finite, getattr(statement, key))
    yield Fact("result", _decide(statement, gains, alpha), statement.result)


def _decide(statement: Statement, gains: Sequence[float], alpha: float) -> str:
    """Return the result that a statement must have by the gains of its pairs: "granted" or
    "not-granted" for a certificate; "confirmed", "refuted" or "undecided" for a confirmation;
    "measured" for any other."""
    nothing = bool(statement.counts_as_one)
    if statement.event == "certificate":
        granted = grant(gains, alpha).granted and not (nothing or statement.against)
        return "granted" if granted else "not-granted"
    if statement.event != "confirmation":
        return "measured"
    total = alpha * len(LOOKS)
    if statement.margin is None:
        found = confirm(gains, total)
    else:
        found = confirm_no_worse(gains, max(statement.margin, 0.0), total)
    return "undecided" if nothing or (found == "confirmed" and statement.against) else found


def _claim(statement: Statement, before: Past) -> Iterator[Fact]:
    """Yield the fact ``claimed``, expected from the last kept runs of both commits among
    ``before``; nothing if it agrees with any kept runs of them."""
    ends = (
        [run for run in before.get(("commit", commit), []) if run.status == "keep"]
        for commit in (statement.baseline, statement.tip)
    )
    claims = [
        later.metric.gain(later.mean_or_value, earlier.mean_or_value)
        for earlier, later in product(*ends)
        if later.mean_or_value is not None and earlier.mean_or_value is not None
    ]
    if not any(math.isclose(claim, statement.claimed or 0.0, rel_tol=1e-9) for claim in claims):
        expected = claims[-1] if claims else "the gain of two kept runs"
        yield Fact("claimed", expected, statement.claimed)
