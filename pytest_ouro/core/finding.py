"""The result of applying one rule: its status and its findings."""

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
    """One violation of a rule. ``headline`` is a complete message; ``where``, ``expected``,
    ``actual`` and ``help`` add the place, the difference and how to fix it.

    ``warns`` is whether the finding has innocent explanations: a rule with only such findings is
    "warned", not "broken". ``facts`` are values for programs, such as ``path`` and ``line``;
    ``paths`` are the files that it reports. ``parts`` are texts by which it is recognised as the
    same on another commit.
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
        """The headline with ``#`` for the numbers that stand alone, such as a line, a size or a
        count, which may vary while the finding stays the same."""
        return re.sub(_VARYING, "#", self.headline)

    @property
    def identity(self) -> frozenset[str]:
        """The texts by which the finding is recognised on different commits, within one rule: its
        ``parts``, or its stable headline if there are none."""
        return frozenset(self.parts or (self.stable_headline,))


@dataclass(frozen=True)
class RuleResult:
    """The result of one rule. ``rule`` is its table and id (``never-do::only-train-py``),
    ``sentence`` the rule in words, ``line`` its line in bound.toml, ``check`` the name of its
    check, ``status`` the judgement and ``findings`` the violations. ``reason`` says why the rule
    was skipped, or why bound.toml makes it only warn; otherwise it is "". ``claimed`` is whether
    the rule was judged from rows of a ledger that the supervisor did not write, so that they prove
    nothing."""

    rule: str
    sentence: str
    line: int
    check: str
    status: Status
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    claimed: bool = False

    @property
    def broken(self) -> bool:
        """Whether the status is "broken", not "warned", "skipped" or "holds"."""
        return self.status == "broken"

    @property
    def id(self) -> str:
        """The rule's id without its table: ``only-train-py`` for ``never-do::only-train-py``."""
        return self.rule.partition("::")[2]


def several(items: list[str], *, limit: int = 3) -> str:
    """Return the first ``limit`` items joined by commas, and how many more there are, as in ``a, b,
    c and 4 more``; "" if there are no items."""
    shown = ", ".join(items[:limit])
    return f"{shown} and {len(items) - limit} more" if len(items) > limit else shown


def count(number: int, noun: str) -> str:
    """Return ``a row`` or ``an error`` for 1, and ``3 rows``, the noun with an ``s``, for any other
    number."""
    if number != 1:
        return f"{number} {noun}s"
    return f"an {noun}" if noun[:1] in "aeiou" else f"a {noun}"


def describe_run(run: str, commit: str) -> str:
    """Return the words by which a finding names a run, given its id and the full id of its commit:
    ``run 70786d0ec467, commit fc714de``."""
    return f"run {run}, commit {commit[:7]}"
