"""The columns of a ledger, and what a recorded run has in each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.records.ledger_format import JSONL, MARKDOWN, TSV, Cell, Format
from pytest_ouro.evidence.records.ledger_names import COLUMNS, Columns, find_columns, normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.evidence.records.run_record import FinishedRun

#: The metric of a crash.
NO_VALUE = "0.000000"


@dataclass(frozen=True)
class Entry:
    """What the ledger says of a run. ``commit`` is the first seven digits of its id, ``metric`` the
    text of the value, `NO_VALUE` for a crash, and ``memory_mb`` is 0 for a crash, or if it is not
    known. ``more`` has pairs of name and text for columns that only some ledgers have."""

    commit: str
    metric: str
    memory_mb: float
    status: str
    description: str
    more: tuple[tuple[str, str], ...] = ()


def entry_of(run: FinishedRun) -> Entry:
    """Return what the ledger says of a finished run; a rehearsal or a repeat is marked in the
    description."""
    value = run.value if run.status != "crash" else None
    prefix = f"[rehearsal {run.budget:g}s] " if run.rehearsal else ""
    if run.repeat is not None:
        prefix += f"[repeat {run.repeat}/{run.repeats}] "
    return Entry(
        run.commit[:7],
        NO_VALUE if value is None else run.metric.text(value),
        0.0 if value is None else run.peak_mb or 0.0,
        run.status,
        one_line(prefix + run.description),
        (("timestamp", run.time), ("branch", run.branch)),
    )


def one_line(text: str) -> str:
    """Return a text in one line: one space for any blanks and control characters in a row, none at
    its ends, ``?`` for lone surrogates."""
    words = re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).split()
    return " ".join(words).encode(errors="replace").decode()


@dataclass(frozen=True)
class Table:
    """Lines of one format with the same columns. ``line`` is that of the header; 0 for none."""

    format: Format
    names: tuple[str, ...]
    columns: Columns
    line: int = 0

    @classmethod
    def named(cls, format: Format, names: Sequence[str], metric: str, line: int = 0) -> Table:
        """Return the table with the columns ``names``; the known ones are found by their names,
        that of the metric by the metric's name ``metric``. ``line`` is the number of the header's
        line."""
        return cls(format, tuple(names), find_columns(names, metric), line)

    @classmethod
    def new(cls, format: Format, metric: str) -> Table:
        """Return the table of a new ledger: the columns `COLUMNS`, in which that of the metric has
        the name ``metric``."""
        names = tuple(metric if name == "metric" else name for name in COLUMNS)
        return cls(format, names, Columns(0, 1, 2, 3, 4))

    @property
    def is_complete(self) -> bool:
        """Whether the table has the columns of commit and metric."""
        return self.columns.commit is not None and self.columns.metric is not None

    @property
    def header(self) -> list[str]:
        """The lines above the rows of a ledger that pytest-ouro starts: the names, and in Markdown
        a rule; [] for JSON lines."""
        if self.format == JSONL:
            return []
        rule = [self.format.join(["---"] * len(self.names))] if self.format == MARKDOWN else []
        return [self.format.join(self.names), *rule]

    def cells(self, entry: Entry) -> list[Cell]:
        """Return the cells of a run's row: what is known of it, "" (in JSON: null) in the columns
        about which nothing is known. A crash has null for metric and memory in JSON."""
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
        """Return the row of a run as one line in the table's format, without a line end."""
        return self.format.join(self.cells(entry), self.names)

    def key(self, cells: Sequence[Cell]) -> tuple[Cell, ...]:
        """Return the cells by which a row is recognised: those of the known columns, since people
        may fill in others; all cells if no known column is the status, since another may be it."""
        if self.columns.status is None:
            return tuple(cells)
        return tuple(cells[place] for place in self.columns.known if place is not None)


def row_of(run: FinishedRun) -> str:
    """Return the row of a finished run, without a line end, in a ledger of tabs with the columns
    `COLUMNS`."""
    return Table.new(TSV, run.metric_name).text(entry_of(run))
