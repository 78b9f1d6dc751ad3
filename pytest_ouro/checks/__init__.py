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
    from pathlib import Path

    from pytest_ouro.core.finding import Finding
    from pytest_ouro.evidence.evidence import Evidence

#: What a check looks at. ``repository`` is judged before any run, ``run`` is judged on a run.
Stage = Literal["repository", "ledger", "run", "human"]

#: The checks by the names that bound.toml uses.
CHECKS = {
    "frozen": "frozen:Frozen",
    "frozen-data": "frozen_data:FrozenData",
    "frozen-symbol": "frozen_symbol:FrozenSymbol",
    "evaluation": "evaluation.check:Evaluation",
    "scope": "scope:Scope",
    "untracked": "untracked:Untracked",
    "dependencies": "dependencies:Dependencies",
    "budget-limit": "budget_limit:BudgetLimit",
    "budget-exact": "budget_exact:BudgetExact",
    "logged": "logged:Logged",
    "log-schema": "log_schema:LogSchema",
    "metric": "metric:Metric",
    "simplicity": "simplicity:Simplicity",
    "settled": "settled:Settled",
    "command": "command:Command",
    "human": "human:Human",
}
#: The group under which a package registers checks of its own.
ENTRY_POINTS = "pytest_ouro.checks"


class Check(ABC):
    """What every check is: parameters as fields, a stage, and findings."""

    stage: ClassVar[Stage] = "repository"
    #: Judged once more on the run that has just ended; what it finds then is a breach.
    after_run: ClassVar[bool] = False

    @abstractmethod
    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """The violations, none if the rule holds."""

    def skipped(self, evidence: Evidence) -> str:
        """Why there is nothing to judge here; "" where there is."""
        return ""

    def trusted_data(self, evidence: Evidence) -> Iterable[Path]:
        """Files outside git whose present bytes `bless` must record for it."""
        return ()

    def trusted_paths(self, evidence: Evidence) -> Iterable[str]:
        """Files (from the repository's top) whose present bytes `bless` must record for it."""
        return ()


def load(name: str) -> type[Check]:
    """The class of a check of ours, or of a package's; KeyError for an unknown name.

    ImportError where a package names one that cannot be used.
    """
    if name in CHECKS:
        module, _, cls = CHECKS[name].partition(":")
        found: type[Check] = getattr(import_module(f"{__name__}.{module}"), cls)
        return found
    from importlib.metadata import entry_points

    for entry in entry_points(group=ENTRY_POINTS, name=name):
        try:
            loaded = entry.load()
        except Exception as error:  # whatever a package's module does when it is imported
            raise ImportError(f"{entry.value} cannot be loaded: {error}") from error
        if not (isinstance(loaded, type) and issubclass(loaded, Check)):
            raise ImportError(f"{entry.value} is no class derived from pytest_ouro.checks.Check")
        return loaded
    raise KeyError(name)
