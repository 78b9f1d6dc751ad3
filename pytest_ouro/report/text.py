"""Judgements and findings as plain text: the first line stands alone."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.core.finding import RuleResult, Status
    from pytest_ouro.engine import Answer

#: Findings of one rule that are told; a rule takes a dozen lines at most.
SHOWN = 3
_WORDS = {"broken": "BROKEN", "warned": "WARNS", "holds": "HOLDS", "skipped": "SKIPPED"}


def render(answers: Sequence[Answer]) -> str:
    """What the gate says: the rules that are broken or warn, and a line that sums it up."""
    lines = []
    for answer in answers:
        lines += [
            judgement_text(judgement, bound="bound.toml")
            for judgement in answer.judgements
            if judgement.status in ("broken", "warned")
        ]
        away = os.path.relpath(answer.case.repository.git.top)
        if answer.broken and away != ".":
            lines.append(
                f"paths and commands are for the top of the repository: cd {printable(away)}"
            )
        word = "broken" if answer.broken else "lawful"
        ref = f"{printable(answer.ref)}: " if answer.ref else ""
        summary = f"{count(answer.judgements)}, trust: {answer.case.trust}"
        lines.append(f"ouro: {ref}{word}: {summary}")
    return "\n".join(lines) or "ouro: nothing is pushed that could be judged"


def render_error(error: OuroError) -> str:
    """What stands on standard output where nothing could be judged: no text."""
    return ""


def judgement_text(judgement: RuleResult, *, bound: str) -> str:
    """One rule's answer, a few lines a finding; ``bound`` is how the file of rules is called."""
    word = _WORDS[judgement.status]
    if not judgement.findings:
        return f"{judgement.rule} {word}" + (f": {judgement.reason}" if judgement.reason else "")
    parts = []
    for finding in judgement.findings[:SHOWN]:
        lines = [f"{judgement.rule} {word}: {finding.headline}"]
        lines.append(f"  {bound}:{judgement.line} [{judgement.check}]  why: {judgement.sentence}")
        if finding.where:
            lines.append(f"  {finding.where}")
        if judgement.reason:
            lines.append(f"  only warns: {judgement.reason}")
        if finding.help:
            lines.append(f"  help: {finding.help}")
        parts.append("\n".join(map(printable, lines)))
    more = len(judgement.findings) - SHOWN
    if more > 0:
        parts.append(f"  and {more} more: pytest-ouro gate --json shows all")
    return "\n".join(parts)


def printable(line: str) -> str:
    """The line with control characters escaped, and what a CI log would obey: a file's name must
    not speak for us."""
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
    if line.lstrip().startswith("::"):
        line = line.replace("::", "\\x3a:", 1)
    return line.replace("##[", "#\\x23[")


def count(judgements: Sequence[RuleResult]) -> str:
    """``12 rules hold, 1 broken, 2 skipped``: every judged rule is in it."""
    found = Counter(judgement.status for judgement in judgements)
    words = [f"{found['holds']} {'rule holds' if found['holds'] == 1 else 'rules hold'}"]
    others: tuple[Status, ...] = ("broken", "warned", "skipped")
    words += [f"{found[status]} {status}" for status in others if found[status]]
    return ", ".join(words)
