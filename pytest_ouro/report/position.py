"""Write the position of a run as a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_ouro.experiment.terms.job import Position

#: Seconds between two lines if the output is not a terminal.
EVERY = 30.0


def render(position: Position) -> str:
    """Return a position as ``ouro: 8.2/20 s 41% step 123 loss 4.56 left 12 s``; once the training
    has ended, or no time is left, with ``evaluating`` in place of ``left 12 s``. Before the window
    begins, return only the seconds since the start: ``ouro: starting, 5 s``."""
    return f"ouro: {_describe(position)}"


def render_each(positions: Iterable[Position]) -> list[str]:
    """Return a line for each of the runs of a batch, as `render` does, with the run's commit:
    ``ouro: 66b8ebf 8.2/20 s 41% …``."""
    return [f"ouro: {_name(one)}{_describe(one)}" for one in positions]


def render_all(positions: Iterable[Position], course: str) -> str:
    """Return one line on all runs of a batch, each with its commit and share of the budget, after
    ``course``: ``ouro: 1/4 ended | 66b8ebf 41% step 123 loss 4.56 | 50d659f starting``."""
    return f"ouro: {' | '.join([course, *(f'{_name(p)}{_shorten(p)}' for p in positions)])}"


def _name(position: Position) -> str:
    """Return the commit of a position with a space after it; "" if it is not known."""
    return f"{position.run.commit[:7]} " if position.run else ""


def _shorten(position: Position) -> str:
    """Return a position as ``41% step 123 loss 4.56``, with ``evaluating`` in place of the share
    once the training has ended; ``starting`` before the window begins."""
    if position.window is None:
        return "starting"
    words = ["evaluating" if position.ended else _share(position), position.text]
    return " ".join(word for word in words if word)


def _share(position: Position) -> str:
    """Return the share of the budget that is used, in percent; the window must have begun."""
    return f"{min(1.0, (position.window or 0.0) / position.budget):.0%}"


def _describe(position: Position) -> str:
    """Return what `render` does, without its first word."""
    if position.window is None:
        return f"starting, {position.wall:.0f} s"
    left = max(0.0, position.budget - position.window)
    words = [
        f"{position.window:.1f}/{position.budget:g} s",
        _share(position),
        position.text,
        "evaluating" if position.ended or not left else f"left {left:.0f} s",
    ]
    return " ".join(word for word in words if word)
