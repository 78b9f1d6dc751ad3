"""A fault of the journal: how its file differs from what was recorded."""

from __future__ import annotations

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.messages import records as messages


@dataclass(frozen=True)
class Fault:
    """How the journal's file differs from what was recorded: the line (from 1), what is wrong, the
    expected and actual value ("" if not applicable), and how to fix it."""

    line: int
    headline: str
    expected: str = ""
    actual: str = ""
    help: str = ""


def lost() -> Fault:
    """Return the fault for a copy in git that cannot be read."""
    headline = "what git holds of the journal cannot be read"
    return Fault(1, headline, help=messages.ACCEPT_FILE)
