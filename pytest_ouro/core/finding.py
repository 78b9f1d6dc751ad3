"""The result of judging a rule: whether it holds, and its findings."""

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

    ``warns``: it has innocent explanations, and breaks no rule by itself. ``paths`` are all files
    that it is about, if it tells what happened to files. ``parts`` identify it across versions, in
    place of the headline.
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
        """The headline without what varies while the finding stays the same, such as its line."""
        return re.sub(_VARYING, "#", self.headline)

    @property
    def identity(self) -> frozenset[str]:
        """What identifies the finding among those of one rule on different commits."""
        return frozenset(self.parts or (self.stable_headline,))


@dataclass(frozen=True)
class RuleResult:
    """The result for one rule. ``reason`` says why it was skipped, or why it only warns."""

    rule: str
    sentence: str
    line: int
    check: str
    status: Status
    findings: tuple[Finding, ...] = ()
    reason: str = ""

    @property
    def broken(self) -> bool:
        return self.status == "broken"

    @property
    def id(self) -> str:
        """The id of the rule without its table: ``only-train-py``."""
        return self.rule.partition("::")[2]


def several(items: list[str], *, limit: int = 3) -> str:
    """Return the first items, and the number of the others: ``a, b, c and 4 more``."""
    shown = ", ".join(items[:limit])
    return f"{shown} and {len(items) - limit} more" if len(items) > limit else shown
