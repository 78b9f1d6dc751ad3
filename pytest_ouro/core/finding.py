"""What a judgement says: findings of one rule, and whether the rule holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.fast_dataclass import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping

Scalar = str | int | float | bool | None

#: ``could-not`` never reads as green: the doors answer it with exit status 2 or an error.
Status = Literal["holds", "broken", "warned", "skipped"]


@dataclass(frozen=True)
class Finding:
    """One violation. ``headline`` stands alone; the rest says where and what to do next.

    ``warns``: it has innocent explanations, and breaks no rule by itself.
    """

    headline: str
    where: str = ""
    expected: str = ""
    actual: str = ""
    help: str = ""
    facts: Mapping[str, Scalar] = field(default_factory=dict)
    warns: bool = False


@dataclass(frozen=True)
class RuleResult:
    """The answer about one rule. ``reason`` says why it was skipped or only warns."""

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
        """The rule without its table: ``only-train-py``."""
        return self.rule.partition("::")[2]


def several(items: list[str], *, limit: int = 3) -> str:
    """The first few of many, and how many more there are: ``a, b, c and 4 more``."""
    shown = ", ".join(items[:limit])
    return f"{shown} and {len(items) - limit} more" if len(items) > limit else shown
