"""Locate a finding: in the file that it is about, or at the rule that it breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.bound.read import NAME
from pytest_ouro.core.errors import OuroError

if TYPE_CHECKING:
    from pytest_ouro.core.finding import Finding, RuleResult
    from pytest_ouro.engine import Answer


def place(answer: Answer, result: RuleResult, finding: Finding) -> tuple[str, int]:
    """Return the path, relative to the repository's top, and the line, from 1, at which to show a
    finding. If the finding names only a file, it is the line of its first change.

    A finding that names no file, or one outside of the repository (an absolute path or ``~``), is
    shown at its rule in bound.toml.
    """
    path, line = finding.facts.get("path"), finding.facts.get("line")
    if isinstance(path, str) and not path.startswith(("~", "/")):
        return path, max(line if isinstance(line, int) else _first_change(answer, path), 1)
    folder = answer.case.bound.folder
    return f"{folder}/{NAME}".lstrip("/"), max(result.line, 1)


def _first_change(answer: Answer, path: str) -> int:
    """Return the number of the first line in which a file of the checked commit differs from the
    trusted one, or that of its last line if it is the other's beginning; 1 unless a commit is
    checked and both have the file."""
    case = answer.case
    if case.repository.subject != "commit":
        return 1
    try:
        old, new = case.trust.before(path), case.repository.git.file(case.repository.head, path)
    except OuroError:
        return 1
    if old is None or new is None:
        return 1
    before, after = old.splitlines(), new.splitlines()
    pairs = enumerate(zip(before, after, strict=False), 1)
    ends = min(len(before) + 1, len(after))
    return next((number for number, (was, now) in pairs if was != now), ends)
