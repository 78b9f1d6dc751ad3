"""The columns of a ledger, and the cells of a recorded run's row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.ledger.ledger_format import JSONL, MARKDOWN, Cell, Format
from pytest_ouro.evidence.ledger.ledger_names import COLUMNS, Columns, find_columns, normalise

if TYPE_CHECKING:
    from collections.abc import Sequence


#: The metric of a crash.
NO_VALUE = "0.000000"


class Entry(NamedTuple):  # in C: a run hashes those of all runs before it, several times
    """What the ledger's row of a run says. ``commit`` are the first seven digits of the id,
    ``metric`` is the value as text ("0.000000" for a crash or if unknown), ``memory_mb`` is 0 for a
    crash or if unknown. ``more`` has (name, text) pairs for columns that only some ledgers have."""

    commit: str
    metric: str
    memory_mb: float
    status: str
    description: str
    more: tuple[tuple[str, str], ...] = ()


def one_line(text: str) -> str:
    """Return ``text`` as one line: each sequence of blanks and control characters becomes one
    space, those at the ends are removed, and lone surrogates become ``?``."""
    words = re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).split()
    return " ".join(words).encode(errors="replace").decode()


@dataclass(frozen=True)
class Table:
    """The format and the columns that successive rows of a ledger share. ``names`` are the columns'
    names, ``columns`` the positions of the known ones, ``line`` the number of the header's line (0:
    no header)."""

    format: Format
    names: tuple[str, ...]
    columns: Columns
    line: int = 0

    @classmethod
    def named(cls, format: Format, names: Sequence[str], metric: str, line: int = 0) -> Table:
        """Return a table with the columns ``names``, in which the known columns are found by their
        names; ``metric`` is the metric's name, ``line`` the number of the header's line."""
        return cls(format, tuple(names), find_columns(names, metric), line)

    @classmethod
    def new(cls, format: Format, metric: str) -> Table:
        """Return the table of a new ledger, with the columns commit, metric (under the name
        ``metric``), memory_gb, status and description."""
        names = tuple(metric if name == "metric" else name for name in COLUMNS)
        return cls(format, names, Columns(0, 1, 2, 3, 4))

    @property
    def is_complete(self) -> bool:
        """Whether the table has the columns of the commit and the metric."""
        return self.columns.commit is not None and self.columns.metric is not None

    @property
    def header(self) -> list[str]:
        """The lines to begin a new ledger with: the column names, and in Markdown a separator; []
        for JSON lines."""
        if self.format == JSONL:
            return []
        rule = [self.format.join(["---"] * len(self.names))] if self.format == MARKDOWN else []
        return [self.format.join(self.names), *rule]

    def cells(self, entry: Entry) -> list[Cell]:
        """Return the cells of a run's row in the order of the columns: the memory with one decimal
        in the column's unit, in JSON as a number, as the metric is; "" in a column about which
        ``entry`` says nothing. In JSON, None stands there, in the columns of ``more``, and for the
        metric and the memory of a crash."""
        more = dict(entry.more)
        cells: list[Cell] = [more.get(normalise(name), "") for name in self.names]
        used = f"{entry.memory_mb / (1 if self.columns.megabytes else 1024):.1f}"
        numbers: tuple[Cell, Cell] = (entry.metric, used)
        if self.format == JSONL:
            cells = [None] * len(self.names)
            known = entry.status != "crash"
            numbers = (float(entry.metric), float(used)) if known else (None, None)
        facts = (entry.commit, *numbers, entry.status, entry.description)
        for place, fact in zip(self.columns.known, facts, strict=True):
            if place is not None:
                cells[place] = fact
        return cells

    def text(self, entry: Entry) -> str:
        """Return a run's row as one line in this table's format, without a line end."""
        return self.format.join(self.cells(entry), self.names)

    def key(self, cells: Sequence[Cell]) -> tuple[Cell, ...]:
        """Return those cells of a row by which it is matched with a recorded run: the cells of the
        known columns (commit, metric, …, in this order), since people may fill in the others.
        Return all cells if the table has no known column for the status."""
        if self.columns.status is None:
            return tuple(cells)
        return tuple(cells[place] for place in self.columns.known if place is not None)
