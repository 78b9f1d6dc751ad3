"""Locate a finding: in the file that it is about, or at the rule that it breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.bound.read import NAME

if TYPE_CHECKING:
    from pytest_ouro.core.finding import Finding, RuleResult
    from pytest_ouro.engine import Answer


def place(answer: Answer, result: RuleResult, finding: Finding) -> tuple[str, int]:
    """Return the path, from the repository's top, and the line, from 1, at which to show a finding.
    The line is 1 if the finding names only a file.

    A finding that names no file, or one outside of the repository (an absolute path or ``~``), is
    shown at its rule in bound.toml.
    """
    path, line = finding.facts.get("path"), finding.facts.get("line", 1)
    if isinstance(path, str) and isinstance(line, int) and not path.startswith(("~", "/")):
        return path, max(line, 1)
    folder = answer.case.bound.folder
    return f"{folder}/{NAME}".lstrip("/"), max(result.line, 1)
