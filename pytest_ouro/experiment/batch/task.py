"""A commit of a batch: how often it was tried, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import dataclass, field
from pytest_ouro.experiment.terms.turns import Turn
from pytest_ouro.messages import engines as messages

if TYPE_CHECKING:
    from pytest_ouro.experiment.result import Result

#: What a record, a repository or a disk that is at fault raises.
FAULTS = (OuroError, OSError, ValueError, LookupError)


@dataclass(frozen=False)
class Task:
    """A commit to measure: a candidate, the base of some, one side of a pair, or a repeat. ``turn``
    says what its run is for. ``after`` are the tasks that must end before it, ``tries`` the number
    of attempts that were made, and ``attempt`` the id of the one that goes on ("": none).
    ``is_lawful``: the rules about the commit were checked and hold; ``has_begun``: the run of the
    present attempt was allowed to start. It has ended once it has a ``result`` or an ``error``."""

    commit: str
    turn: Turn = field(default_factory=Turn)
    after: list[Task] = field(default_factory=list)
    tries: int = 0
    attempt: str = ""
    is_lawful: bool = False
    has_begun: bool = False
    result: Result | None = None
    error: OuroError | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it has a result or an error."""
        return self.result is not None or self.error is not None

    @property
    def is_ready(self) -> bool:
        """Whether an attempt can be made now: it has not ended, none goes on, and what must end
        before it has ended."""
        return not self.has_ended and not self.attempt and all(one.has_ended for one in self.after)

    def line(self, text: str) -> str:
        """Return a line about the task: ``text`` with the beginning of its commit."""
        return f"ouro: {self.commit[:7]} {text.removeprefix('ouro: ')}"


def to_error(error: Exception) -> OuroError:
    """Return the error of a candidate whose record cannot be made: ``error`` itself if it is one
    for the user, otherwise one that quotes it."""
    if isinstance(error, OuroError):
        return error
    return messages.not_recorded(f"{type(error).__name__}: {error}".split("\n", 1)[0])
