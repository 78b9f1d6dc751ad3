"""The facts of an experiment that the options of ``init`` give, and what is said about the rest."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_ouro.bound.tables import Device
    from pytest_ouro.onboarding.phrases import Said


@dataclass(frozen=True, kw_only=True)
class InitOptions:
    """The facts of the experiment that options give. An empty value ("", () or None) means that the
    option was not given; most facts are then searched for in the project. ``given`` are the words
    of the call after ``init``."""

    script: str = ""
    harness: str = ""
    evaluate: str = ""
    loader: str = ""
    command: str = ""
    evaluate_command: str = ""
    metric: str = ""
    metric_from: str = ""
    direction: Said = ""
    unit: str = ""
    plausible: tuple[float, ...] = ()
    budget: float | None = None
    warmup_tokens: int | None = None
    ledger: str = ""
    editable: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    device: Device | None = None
    given: tuple[str, ...] = ()

    def call(self, *more: str) -> str:
        """Return the command line ``pytest-ouro init`` with the words ``given`` and then ``more``,
        quoted for a shell."""
        return f"pytest-ouro init {shlex.join([*self.given, *more])}".rstrip()


@dataclass
class Remarks:
    """Remarks for a person on the experiment's facts: ``assumed`` are facts that nothing states,
    and ``notes`` are things that were seen and not understood, or that cannot work as they are."""

    assumed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def assume(self, what: str, option: str) -> None:
        """Add an assumption (``what``), with the ``option`` by which a person states another value;
        the same one is added again each time."""
        self.assumed.append(f"{what} ({option} says otherwise)")

    def note(self, words: str) -> None:
        """Add a note that a person should read, unless the same words were added before."""
        if words not in self.notes:
            self.notes.append(words)
