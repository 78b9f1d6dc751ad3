"""``human``: a rule that only a person can judge is reported as skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.checks import Check
from pytest_ouro.core.fast_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.core.finding import Finding
    from pytest_ouro.evidence.evidence import Evidence


@dataclass(frozen=True, kw_only=True)
class Human(Check):
    """A rule that only a person can judge: it is reported as skipped, with its ``reason``."""

    stage = "human"

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield nothing."""
        yield from ()
