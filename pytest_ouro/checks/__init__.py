"""Checks: pure functions of a rule's parameters and the evidence. One file a family.

A check is a frozen dataclass: its fields are the parameters that bound.toml may give it (their
TOML keys are the names with ``-``), and ``findings`` judges. It is loaded when a rule names it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_ouro.evidence.observed import Evidence
    from pytest_ouro.finding import Finding

#: What a check looks at. ``repository`` is judged before any run, ``run`` is judged on a run.
Stage = Literal["repository", "ledger", "run", "human"]

#: The checks by the names that bound.toml uses.
CHECKS = {
    "frozen": "frozen:Frozen",
    "scope": "scope:Scope",
    "untracked": "untracked:Untracked",
    "dependencies": "dependencies:Dependencies",
    "budget-limit": "budget:BudgetLimit",
    "log-schema": "log_schema:LogSchema",
    "human": "human:Human",
}


class Check(ABC):
    """What every check is: parameters as fields, a stage, and findings."""

    stage: ClassVar[Stage] = "repository"

    @abstractmethod
    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """The violations, none if the rule holds."""

    def trusted_paths(self, evidence: Evidence) -> Iterable[str]:
        """Files (from the repository's top) whose present bytes `bless` must record for it."""
        return ()


def load(name: str) -> type[Check]:
    """The class of a check; KeyError for an unknown name."""
    module, _, cls = CHECKS[name].partition(":")
    found: type[Check] = getattr(import_module(f"{__name__}.{module}"), cls)
    return found
