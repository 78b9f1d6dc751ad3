"""Read the ledger, the project's own table of results, in any format that tools write."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.core import limits
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.content import SPECIAL, kind_of, read_regular
from pytest_ouro.evidence.ledger import ledger_format, ledger_names
from pytest_ouro.evidence.ledger.ledger_format import JSONL, MARKDOWN, TSV, Text
from pytest_ouro.evidence.ledger.ledger_names import COLUMNS
from pytest_ouro.evidence.ledger.ledger_table import Table
from pytest_ouro.messages import records as messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pytest_ouro.core.errors import RecordError
    from pytest_ouro.evidence.ledger.ledger_format import Cell, Format
    from pytest_ouro.evidence.ledger.ledger_table import Entry

#: The lines among which the header is looked for.
_HEADER_WITHIN = 200
_EMPTY = Text("", "utf-8", "\n")


class Row(NamedTuple):
    """One row of a ledger: the number of its first line (from 1), its text, and the table that it
    belongs to, whose columns it should have."""

    line: int
    text: str
    table: Table

    @property
    def cells(self) -> list[Cell]:
        """The row's values in the order of the table's columns; [] if their number is not that of
        the columns, or the row should be JSON and is not."""
        format = self.table.format
        cells: list[Cell] = (
            ledger_format.read_object(self.text)[1]
            if format == JSONL
            else [*format.split(self.text)]
        )
        return cells if len(cells) == len(self.table.names) else []


@dataclass(frozen=True)
class Ledger:
    """A ledger that was read from ``path``, with its ``rows`` in order. ``exists`` is False if
    there is no file. ``problems`` are pairs of a line number and what is wrong there.

    ``table`` is the table to which the next row belongs; None if there is neither a header nor a
    row. ``text`` is the decoded file.
    """

    path: Path
    exists: bool
    rows: tuple[Row, ...] = ()
    problems: tuple[tuple[int, str], ...] = ()
    table: Table | None = None
    text: Text = _EMPTY


def read(path: Path, metric: str = "") -> Ledger:
    """Read the ledger at ``path``, following a link; ``metric`` is the name of the metric ("":
    unknown). Return a ledger with ``exists`` False if there is no file. Raise RecordError if it is
    not a regular file or cannot be read, LimitError if it is too large."""
    try:
        return parse(read_regular(str(path), limits.LEDGER, follow=True), path, metric)
    except FileNotFoundError:
        return Ledger(path, exists=False)
    except OSError as error:
        if error.errno in SPECIAL:
            raise messages.ledger_not_a_file(path, kind_of(str(path), follow=True)) from None
        raise messages.unreadable_ledger(path, str(error.strerror)) from None


def parse(data: bytes, path: Path, metric: str) -> Ledger:
    """Parse the bytes of the ledger at ``path``; ``metric`` is the name of the metric ("":
    unknown). Nothing is raised: what is wrong in a line is added to the ledger's ``problems``.

    Blank lines and comments (lines that begin with ``#`` or ``===``) are skipped. But a comment
    with as many cells as the header counts as a row, except in JSON, since other programs, such as
    pandas, read it as one. A second header applies to the rows below it.
    """
    text = Text.decode(data)
    lines = [(number, line) for number, line in text.lines() if line.strip()]
    reader = _Reader(metric, [], [])
    table = _find_table(lines, path, metric)
    if table and table.format == JSONL:
        table = reader.read_objects(lines)
    elif table:
        table = reader.read_rows(lines, table)
    return Ledger(path, True, tuple(reader.rows), tuple(reader.problems), table, text)


def _find_table(lines: Sequence[tuple[int, str]], path: Path, metric: str) -> Table | None:
    """Return the table that the file begins with; None if ``lines`` (number and text, none blank)
    have no header and no row.

    If the first line that is not a comment begins with ``{``, return a table of JSON objects.
    Otherwise return that of the first header among the first lines (`_HEADER_WITHIN`), or of one
    with names that are all unknown (`_find_unknown_header`). Without a header, return one with
    the five columns of a new ledger, in the format by which the first row has five cells. If it has
    five in none, return one with unnamed columns, as many as the first row has cells (five if
    it has fewer than three).
    """
    width = len(COLUMNS)
    first = next((line for _, line in lines if not _is_marked(line)), "")
    first = first or next((line for _, line in lines if len(TSV.split(line)) == width), "")
    if first.lstrip().startswith("{"):
        return Table.named(JSONL, (), metric)
    for format in (TSV, ledger_format.CSV, ledger_format.SEMICOLONS, MARKDOWN):
        for number, line in lines[:_HEADER_WITHIN]:
            names = format.split(line.strip(" #="))
            if ledger_names.is_header(names, metric, least=1 if format == TSV else 2):
                return Table.named(format, names, metric, number)
    if not first:
        return None
    if table := _find_unknown_header(lines, metric):
        return table
    named = ledger_format.of_name(path.name)
    for format in (TSV, TSV if named == JSONL else named, ledger_format.CSV):
        if len(format.split(first)) == width:
            return Table.new(format, metric)
    format = ledger_format.CSV if named == ledger_format.CSV else TSV
    cells = len(format.split(first))
    return Table(format, ("",) * (cells if cells > 2 else width), ledger_names.Columns())


def _find_unknown_header(lines: Sequence[tuple[int, str]], metric: str) -> Table | None:
    """Return the table whose header is the first line that is not a comment, although no name in it
    is known: it has at least three different cells, none empty or a value, at least half of the
    lines below have as many, and in one column these are mostly numbers or hashes. None if the line
    is not a header."""
    plain = [(number, line) for number, line in lines[:_HEADER_WITHIN] if not _is_marked(line)]
    if len(plain) < 2:
        return None
    number, first = plain[0]
    for format in (TSV, ledger_format.CSV, ledger_format.SEMICOLONS, MARKDOWN):
        names = [cell.strip() for cell in format.split(first)]
        if len(names) < 3 or len(set(names)) < len(names) or not ledger_names.can_be_names(names):
            continue
        below = [format.split(line) for _, line in plain[1:] if not _is_rule(format, line)]
        below = [cells for cells in below if len(cells) == len(names)]
        if 2 * len(below) < len(plain) - 1:
            continue
        for cells in zip(*below, strict=True):
            values = sum(ledger_names.is_value(cell) for cell in cells)
            if 2 * values > len(cells):
                return Table.named(format, names, metric, number)
    return None


def _is_marked(line: str) -> bool:
    """Return whether a line begins with ``#`` or ``===``, as comments do (it may still be a
    row)."""
    return line.lstrip().startswith(("#", "==="))


@dataclass(frozen=True)
class _Reader:
    """Collects the rows of a ledger, and the problems of lines as pairs of number and text."""

    metric: str
    rows: list[Row]
    problems: list[tuple[int, str]]

    def read_rows(self, lines: Sequence[tuple[int, str]], table: Table) -> Table:
        """Add the rows of ``lines`` (number and text), which begin in ``table``, to ``rows``. Rows
        with another number of cells, or above the header, are added with a problem; headers and
        comments are skipped. Return the table of the last row, which a second header may have
        begun."""
        format, start, width = table.format, table.line, len(table.names)
        records: Iterable[tuple[int, str, list[str]]]
        if format in (ledger_format.CSV, ledger_format.SEMICOLONS):
            records = ledger_format.read_csv(lines, format.separator)
        else:
            records = ((number, line, line.split(format.separator)) for number, line in lines)
        for number, line, cells in records:
            wide = len(cells) == width
            if wide and number > start and cells[1][:1].isdigit():  # most rows: spare them the rest
                self.rows.append(Row(number, line, table))
                continue
            if format == MARKDOWN or len(cells) == 1:
                cells = format.split(line)
                wide = len(cells) == width
            marked = _is_marked(line) or (format == MARKDOWN and not line.lstrip().startswith("|"))
            if number == start or (marked and not wide) or _is_rule(format, line):
                continue
            if number > start and cells == list(table.names) and any(cells):
                continue  # the header again
            if number > start and ledger_names.is_header(cells, self.metric, least=2):
                table, width = Table.named(format, cells, self.metric, number), len(cells)
                continue
            if not wide:
                more = ": two rows on one line" * (2 * width - 1 <= len(cells) <= 2 * width)
                self.problems.append((number, f"{len(cells)} columns, not {width}{more}"))
            elif number < start:
                self.problems.append((number, f"it is above the header in line {start}"))
            self.rows.append(Row(number, line, table))
        return table

    def read_objects(self, lines: Iterable[tuple[int, str]]) -> Table:
        """Add the rows of ``lines`` (number and text) of JSON objects, of which one line may
        have several, to ``rows``; comments are skipped. An empty object, and the rest of a line
        that is not a JSON object, are rows with a problem.

        Return the last table that has the columns commit and metric, otherwise that of the last
        row, otherwise one without columns.
        """
        tables: dict[tuple[str, ...], Table] = {}
        last = Table.named(JSONL, (), self.metric)
        for number, line in lines:
            if _is_marked(line):
                continue
            rest = line.strip()
            while rest:
                names, _, end = ledger_format.read_object(rest)
                table = tables.setdefault(names, Table.named(JSONL, names, self.metric, number))
                if not names:
                    problem = "a JSON object without names" if end else "no JSON object"
                    self.problems.append((number, problem))
                self.rows.append(Row(number, rest[: end or None], table))
                rest = rest[end:].lstrip() if end else ""
                if table.is_complete or not last.is_complete:
                    last = table
        return last


def _is_rule(format: Format, line: str) -> bool:
    """Return whether a line is the separator between the header and the rows of a Markdown
    table."""
    return format == MARKDOWN and not line.strip(" |:-")


def column_fault(ledger: Ledger, metric: str) -> RecordError | None:
    """Return the error that explains why no row can be appended: the table has no header, or no
    column for the commit or for ``metric`` (a name). Return None if a row can be appended, or if
    the file has neither a header nor a row yet."""
    table = ledger.table
    if table is None or table.is_complete:
        return None
    if table.format != JSONL and not any(table.names):
        row = ledger.rows[0]
        width = len(table.format.split(row.text))
        return messages.ledger_without_header(ledger.path, row.line, width)
    columns = {"commit": table.columns.commit, metric: table.columns.metric}
    lacks = [name for name, place in columns.items() if place is None]
    return messages.ledger_lacks_column(ledger.path, table.line, lacks, table.names)


def pair(rows: Iterable[Row], entries: Sequence[Entry]) -> tuple[list[Row], list[Entry]]:
    """Match the ledger's rows with the runs that should have a row. Return the rows that match no
    run, in their order, and the runs of ``entries`` that have no row; among these, equal entries
    stand together, and the order is otherwise that of ``entries``.

    A run matches at most one row, the first whose known columns have what the run's own row would
    have (`Table.key`). A row of a table without the column commit or metric matches no run.
    """
    waiting, left = Counter(entries), len(entries)
    by_key: dict[int, dict[tuple[Cell, ...], list[Entry]]] = {}
    strays = []
    for row in rows:
        table = row.table
        cells = row.cells if left and table.is_complete else []
        if cells and id(table) not in by_key:
            found = by_key[id(table)] = {}
            for entry in waiting:
                found.setdefault(table.key(table.cells(entry)), []).append(entry)
        alike = by_key[id(table)].get(table.key(cells), []) if cells else []
        fitting = [entry for entry in alike if waiting[entry]]
        if fitting:
            waiting[fitting[0]] -= 1
            left -= 1
        else:
            strays.append(row)
    return strays, list(waiting.elements())
