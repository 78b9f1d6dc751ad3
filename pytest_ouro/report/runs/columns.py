"""Lay out a table for a terminal: columns as wide as their values, of which some are left out where
there is no room, and a last one that takes what is left."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from pytest_ouro.core.escape import escape
from pytest_ouro.core.fast_dataclass import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The spaces between two columns.
_GAP = "  "
#: The least width of the last column before other columns are left out for it.
_LEAST = 12


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading and its cells, one for each row.

    ``short`` are shorter cells, for a table that is too wide (() if there are none). Columns with a
    ``rank`` above 0 are left out where there is no room, the highest first. ``is_number``: cells
    are aligned at the right.
    """

    heading: str
    cells: tuple[str, ...]
    short: tuple[str, ...] = ()
    rank: int = 0
    is_number: bool = False


def width_of(text: str) -> int:
    """Return how many places of a terminal a printable text takes: two for a wide character, as in
    Chinese, none for a mark that is drawn over the one before."""
    if text.isascii():
        return len(text)
    return sum(map(_count_places, text))


def _count_places(character: str) -> int:
    """Return how many places of a terminal a printable character takes."""
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int) -> str:
    """Return a printable text that takes at most ``width`` places (at least 1) of a terminal, with
    "…" at the end of one that is cut."""
    if width_of(text) <= width:
        return text
    if text.isascii():
        return f"{text[: width - 1]}…"
    kept, used = "", 0
    for character in text:
        used += _count_places(character)
        if used > width - 1:
            break
        kept += character
    return f"{kept}…"


def lay_out(columns: Sequence[Column], width: int | None) -> tuple[list[str], list[str]]:
    """Return the lines of a table, the heading first, and the headings of the columns that are left
    out.

    ``width`` is that of the terminal in characters: no line is longer. With None, nothing is left
    out or cut. Every cell is escaped.
    """
    fitting = [_escape_column(column) for column in columns]
    missing: list[str] = []
    while width is not None and _measure_table(fitting) > width:
        long = next((n for n, column in enumerate(fitting) if column.short), None)
        if long is not None:
            fitting[long] = replace(fitting[long], cells=fitting[long].short, short=())
            continue
        rank = max(column.rank for column in fitting)
        if not rank:
            break
        missing += [column.heading for column in fitting if column.rank == rank]
        fitting = [column for column in fitting if column.rank != rank]
    rows = zip(*((column.heading, *column.cells) for column in fitting), strict=True)
    widths = [_measure_column(column) for column in fitting]
    numbers = [column.is_number for column in fitting]
    lines = [
        _GAP.join(map(_pad, row, [*widths[:-1], 0], numbers)).rstrip()  # nothing after the last
        for row in rows
    ]
    return [line if width is None else cut(line, width) for line in lines], missing


def _escape_column(column: Column) -> Column:
    """Return a column with its cells escaped, as they are printed."""
    cells, short = (tuple(map(escape, texts)) for texts in (column.cells, column.short))
    return replace(column, heading=escape(column.heading), cells=cells, short=short)


def _measure_column(column: Column) -> int:
    """Return the places of a terminal that a column takes: those of its widest cell."""
    return max(map(width_of, (column.heading, *column.cells)))


def _measure_table(columns: Sequence[Column]) -> int:
    """Return the least width of a table: the last column has as much as its cells take, but no more
    than `_LEAST`."""
    *others, last = map(_measure_column, columns)
    return sum(others) + len(_GAP) * len(others) + min(last, _LEAST)


def _pad(text: str, width: int, is_number: bool) -> str:
    """Return a cell with spaces up to ``width`` places, before a number and behind another text."""
    spaces = " " * (width - width_of(text))
    return spaces + text if is_number else text + spaces
