"""The result of applying a rule: whether it holds, and its findings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.fast_dataclass import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping

Scalar = str | int | float | bool | None

#: Numbers in a headline: lines, sizes and counts.
_VARYING = r"\b[0-9][0-9.,]*\b"

Status = Literal["holds", "broken", "warned", "skipped"]


@dataclass(frozen=True)
class Finding:
    """One violation. ``headline`` is a complete message; the rest says where, and how to fix it.

    ``warns``: the finding has innocent explanations, and alone breaks no rule. ``facts`` are values
    for programs, such as ``path`` and ``line``. ``paths`` are all changed files, if the finding
    reports changes of files. By ``parts`` it is recognised on different commits; if there are none,
    by the headline.
    """

    headline: str
    where: str = ""
    expected: str = ""
    actual: str = ""
    help: str = ""
    facts: Mapping[str, Scalar] = field(default_factory=dict)
    warns: bool = False
    paths: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def stable_headline(self) -> str:
        """The headline with ``#`` in place of each number, which may vary while the finding stays
        the same: a line, a size, a count."""
        return re.sub(_VARYING, "#", self.headline)

    @property
    def identity(self) -> frozenset[str]:
        """The texts by which a finding is recognised on different commits, among those of one rule:
        its parts, or else its stable headline."""
        return frozenset(self.parts or (self.stable_headline,))


@dataclass(frozen=True)
class RuleResult:
    """The result for one rule. ``rule`` is its table and id (``never-do::only-train-py``),
    ``sentence`` its words, ``line`` its line in bound.toml, and ``check`` the name of its check.
    ``reason`` says why it was skipped, or why it only warns if bound.toml says so; otherwise it is
    ""."""

    rule: str
    sentence: str
    line: int
    check: str
    status: Status
    findings: tuple[Finding, ...] = ()
    reason: str = ""

    @property
    def broken(self) -> bool:
        """Whether the status is ``broken``; False for ``warned`` and ``skipped``."""
        return self.status == "broken"

    @property
    def id(self) -> str:
        """The id of the rule without its table: ``only-train-py`` of
        ``never-do::only-train-py``."""
        return self.rule.partition("::")[2]


def several(items: list[str], *, limit: int = 3) -> str:
    """Return the first ``limit`` items with commas between, and the number of the others if there
    are more: ``a, b, c and 4 more``. "" for no items."""
    shown = ", ".join(items[:limit])
    return f"{shown} and {len(items) - limit} more" if len(items) > limit else shown
