"""Write the position of a run as a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_ouro.experiment.terms.job import Position

#: Seconds between two lines if the output is not a terminal.
EVERY = 30.0


def render(position: Position) -> str:
    """Return a position as ``ouro: 8.2/20 s 41% step 123 loss 4.56 left 12 s``; once the training
    has ended, or no time is left, with ``evaluating`` in place of ``left 12 s``. Before the window
    begins, return only the seconds since the start: ``ouro: starting, 5 s``."""
    if position.window is None:
        return f"ouro: starting, {position.wall:.0f} s"
    share = min(1.0, position.window / position.budget)
    left = max(0.0, position.budget - position.window)
    words = [
        f"ouro: {position.window:.1f}/{position.budget:g} s",
        f"{share:.0%}",
        position.text,
        "evaluating" if position.ended or not left else f"left {left:.0f} s",
    ]
    return " ".join(word for word in words if word)
