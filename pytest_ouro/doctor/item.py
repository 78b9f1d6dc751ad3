"""One line of what the doctor found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from pytest_ouro.report.text import printable

State = Literal["ok", "weak", "off", "fails", "unknown"]
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True)
class Item:
    """``state``: ``ok`` is as strong as it gets, ``weak`` could be stronger, ``off`` is not there;
    ``fails``: what the bound demands cannot be had; ``unknown``: it could not be judged.

    ``next`` is how to make it stronger; "" where it is ok.
    """

    topic: str
    state: State
    words: str
    next: str = ""

    @property
    def text(self) -> str:
        line = printable(f"ouro: doctor {self.topic}: {self.state} - {self.words}")
        return f"{line}\n  next: {printable(self.next)}" if self.next else line
