"""One item of the doctor's report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from pytest_ouro.core.errors import OuroError

State = Literal["ok", "weak", "off", "fails", "unknown"]
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True)
class Item:
    """What the doctor found about one topic.

    ``state``: ``ok`` is as strong as possible, ``weak`` could be stronger, ``off`` is missing;
    ``fails``: the bound demands what is not available; ``unknown``: it could not be determined.
    ``words`` describe it. ``next`` is the next step to make it stronger; "" if it is ok, or no step
    is known.
    """

    topic: str
    state: State
    words: str
    next: str = ""

    @classmethod
    def from_error(cls, topic: str, state: State, error: OuroError) -> Item:
        """Return an item with the message of an error as its words and the error's help as its next
        step."""
        return cls(topic, state, error.message, error.help)

    @property
    def lines(self) -> list[str]:
        """The lines to print, one or two, not yet escaped."""
        line = f"ouro: doctor {self.topic}: {self.state} - {self.words}"
        return [line, f"  next: {self.next}"] if self.next else [line]
