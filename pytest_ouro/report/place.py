"""Where a finding is shown: the file that it is about, or the rule that it breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.bound.read import NAME

if TYPE_CHECKING:
    from pytest_ouro.core.finding import Finding, RuleResult
    from pytest_ouro.engine import Answer


def place(answer: Answer, judgement: RuleResult, finding: Finding) -> tuple[str, int]:
    """A path from the repository's top and a line in it, from 1.

    What lies outside the repository, or in no file, is shown at the rule in bound.toml.
    """
    path, line = finding.facts.get("path"), finding.facts.get("line", 1)
    if isinstance(path, str) and isinstance(line, int) and not path.startswith(("~", "/")):
        return path, max(line, 1)
    folder = answer.case.bound.folder
    return f"{folder}/{NAME}".lstrip("/"), max(judgement.line, 1)
