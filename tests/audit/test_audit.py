"""The audit on past loops with known answers: what it must find, and must not say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ouro.audit.options import Options
from pytest_ouro.audit.run import audit

from .histories import HISTORIES, build, expected

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.audit.result import Audit, AuditFinding

    from .histories import Expected, History, Planted

#: The checks that may report each word.
CHECKS = {
    "scope": ("scope",),
    "harness-changed": ("frozen", "frozen-symbol"),
    "harness-kept": ("frozen", "frozen-symbol"),
    "dependency": ("dependencies",),
    "budget-changed": ("budget-exact",),
    "budget-shadowed": ("budget-exact", "evaluation"),
    "generated-code": ("generated-code",),
    "metric-meaning": ("frozen-symbol", "frozen", "evaluation", "metric-meaning"),
    "unlogged": ("logged",),
    "kept-not-better": ("metric",),
    "implausible-kept": ("metric",),
    "discard-left": ("settled",),
    "fabricated-hash": ("logged",),
    "seed-only": ("seed-only",),
    "within-noise": ("metric",),
    "validation-in-training": ("evaluation",),
    "evaluation-loop": ("evaluation",),
    "ledger-rewritten": ("logged",),
    "ledger-truncated": ("logged",),
    "ledger-committed": ("untracked",),
    "ledger-unreadable": ("log-schema",),
    "unverifiable": ("logged",),
}
LEVEL = {"warning": 0, "error": 1}


def judge(history: History, folder: Path) -> tuple[Expected, Audit]:
    """The answers for a history, and its audit by the command's defaults."""
    place = build(history, folder)
    return expected(history), audit(Options(subject=str(place)))


def concerns(found: AuditFinding, fact: Planted) -> bool:
    """Whether a finding is about a planted fact: by its check, and by commit or line."""
    if found.check not in CHECKS[fact.word]:
        return False
    if fact.commit is None and fact.line is None:
        return True
    return fact.commit in found.commits or fact.line in found.lines


def misses(answers: Expected, found: Audit) -> list[str]:
    """The planted facts that no finding reports at their severity."""
    return [
        f"{fact.word} ({fact.severity}) at {(fact.commit or '')[:7]} line {fact.line}"
        for fact in answers.planted
        if not any(
            concerns(one, fact) and LEVEL[one.severity] >= LEVEL[fact.severity]
            for one in found.findings
        )
    ]


def false_alarms(answers: Expected, found: Audit) -> list[str]:
    """The errors at commits or lines at which nothing was planted."""
    commits = {fact.commit for fact in answers.planted} | set(answers.side)
    lines = {fact.line for fact in answers.planted} | set(answers.side_lines)
    whole = {fact.word for fact in answers.planted if not (fact.commit or fact.line)}
    return [
        f"{one.check}: {one.finding.headline} [{', '.join(c[:7] for c in one.commits)}]"
        for one in found.errors
        if answers.honest
        or not (
            commits.intersection(one.commits)
            or lines.intersection(one.lines)
            or any(one.check in CHECKS[word] for word in whole)
        )
    ]


def wrong_verdicts(answers: Expected, found: Audit) -> list[str]:
    """The kept results with another verdict than the evidence allows."""
    verdicts = {one.row: one.verdict for one in found.kept}
    return [
        f"line {kept.line}: {verdicts.get(kept.line or 0)}, not {' or '.join(kept.verdicts)}"
        for kept in answers.kept
        if verdicts.get(kept.line or 0) not in kept.verdicts
    ]


def wrong_facts(answers: Expected, found: Audit) -> list[str]:
    """The facts of the loop that were read wrongly."""
    faults = []
    if found.ledger != answers.ledger:
        faults.append(f"ledger {found.ledger}, not {answers.ledger}")
    higher = found.metric is not None and found.metric.direction == "higher"
    if found.metric is None or higher != answers.higher_is_better:
        faults.append(f"metric {found.metric}, not {answers.metric}")
    if not answers.rows <= found.counts.rows <= answers.rows + answers.rows_more:
        faults.append(f"{found.counts.rows} rows, not {answers.rows}+{answers.rows_more}")
    best = found.honest_best.value if found.honest_best else None
    if found.curve and found.curve[-1].honest_best != best:
        faults.append(f"the curve ends at {found.curve[-1].honest_best}, not {best}")
    if answers.honest_best and not any(
        best is not None and abs(best - value) < 1e-9 for value in answers.honest_best
    ):
        faults.append(f"best {best}, not {answers.honest_best}")
    return faults


@pytest.mark.tier(2, but=60)
@pytest.mark.parametrize("history", HISTORIES.values(), ids=list(HISTORIES))
def test_the_known_answers_are_given(history: History, tmp_path: Path) -> None:
    answers, found = judge(history, tmp_path)

    assert misses(answers, found) == []
    assert false_alarms(answers, found) == []
    assert wrong_facts(answers, found) == []
    assert wrong_verdicts(answers, found) == []
