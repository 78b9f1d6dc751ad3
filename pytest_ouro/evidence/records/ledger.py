"""Read the ledger, the project's table of results, whatever tool has written it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.core import limits
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.content import SPECIAL, kind_of, read_regular
from pytest_ouro.evidence.records import ledger_format, ledger_names
from pytest_ouro.evidence.records.ledger_format import JSONL, MARKDOWN, TSV, Text
from pytest_ouro.evidence.records.ledger_names import COLUMNS
from pytest_ouro.evidence.records.ledger_table import Table
from pytest_ouro.messages import records as messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pytest_ouro.core.errors import RecordError
    from pytest_ouro.evidence.records.ledger_format import Cell, Format
    from pytest_ouro.evidence.records.ledger_table import Entry

#: The lines among which the header is looked for.
_HEADER_WITHIN = 200
_EMPTY = Text("", "utf-8", "\n")


class Row(NamedTuple):
    """One record of the ledger: the number of its first line, its text, and the table whose columns
    it has."""

    line: int
    text: str
    table: Table

    @property
    def cells(self) -> list[Cell]:
        """The values in the order of the table's columns; [] if there are more or fewer than
        columns, or the row is not JSON in a table of JSON."""
        format = self.table.format
        cells: list[Cell] = (
            ledger_format.read_object(self.text)[1]
            if format == JSONL
            else [*format.split(self.text)]
        )
        return cells if len(cells) == len(self.table.names) else []


class Claim(NamedTuple):
    """What a row says, read tolerantly: an empty text or None where it says nothing.

    ``line`` is the number of the row's first line, ``commit`` a hash, ``memory_mb`` in MB,
    ``status`` the meaning of the status. A crash has no value, whatever its row has for one.
    """

    line: int
    commit: str
    value: float | None
    memory_mb: float | None
    status: ledger_names.Status
    description: str


@dataclass(frozen=True)
class Ledger:
    """The rows of a ledger. ``exists`` is False if there is no file; ``problems`` are pairs of a
    line's number and what is wrong with it.

    ``table`` has the columns of the next row; None if the file has neither header nor row. ``text``
    is the decoded file.
    """

    path: Path
    exists: bool
    rows: tuple[Row, ...] = ()
    problems: tuple[tuple[int, str], ...] = ()
    table: Table | None = None
    text: Text = _EMPTY

    def claims(self) -> Iterator[Claim]:
        """Yield what each row says, except for rows that have more or fewer cells than columns."""
        for row in self.rows:
            if cells := row.cells:
                columns = row.table.columns
                commit, metric, memory, status, words = (
                    "" if place is None or cells[place] is None else str(cells[place])
                    for place in columns.known
                )
                meaning = ledger_names.status_of(status)
                value = None if meaning == "crash" else ledger_names.number_of(metric)
                used = ledger_names.number_of(memory)
                if used is not None and not columns.megabytes:
                    used *= 1024
                hash = ledger_names.commit_of(commit)
                yield Claim(row.line, hash, value, used, meaning, words.strip())


def read(path: Path, metric: str = "") -> Ledger:
    """Read the ledger of an experiment with this metric ("" if it is not known); a link is
    followed. Without a file, return a ledger with ``exists`` False. RecordError if it is not a
    regular file or cannot be read, LimitError if it is too large."""
    try:
        return parse(read_regular(str(path), limits.LEDGER, follow=True), path, metric)
    except FileNotFoundError:
        return Ledger(path, exists=False)
    except OSError as error:
        if error.errno in SPECIAL:
            raise messages.ledger_not_a_file(path, kind_of(str(path), follow=True)) from None
        raise messages.unreadable_ledger(path, str(error.strerror)) from None


def parse(data: bytes, path: Path, metric: str) -> Ledger:
    """Return the ledger that ``data``, the bytes of the file at ``path``, states; ``metric`` is the
    metric's name, "" if not known.

    Blank lines and comments are skipped. Except among JSON objects, a line that begins with ``#``
    or ``===`` and has the columns of a row is a row: other programs, pandas among them, read it as
    one. A header in the middle applies to the rows below it.
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
    """Return the table that the lines (number and text, none blank) begin with; None if there is
    neither header nor row.

    It is that of JSON objects if the first line that is not a comment begins with ``{``, else that
    of the first header among `_HEADER_WITHIN` lines. Without a header it has the columns `COLUMNS`,
    in the format in which the first row has that many cells; without such a format, tabs and
    columns without names.
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
    named = ledger_format.of_name(path.name)
    for format in (TSV, TSV if named == JSONL else named, ledger_format.CSV):
        if len(format.split(first)) == width:
            return Table.new(format, metric)
    return Table(TSV, ("",) * width, ledger_names.Columns())


def _is_marked(line: str) -> bool:
    """Return whether a line begins with ``#`` or ``===``, as comments do."""
    return line.lstrip().startswith(("#", "==="))


@dataclass(frozen=True)
class _Reader:
    """The rows that were read, and the problems of some."""

    metric: str
    rows: list[Row]
    problems: list[tuple[int, str]]

    def read_rows(self, lines: Sequence[tuple[int, str]], table: Table) -> Table:
        """Add the rows of these lines, which begin in ``table``, and their problems: another number
        of cells, or a place above the header. Comments and headers do not count as rows. Return the
        table of the last row: a header among the lines begins another one."""
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
        """Add the rows of lines (number and text) of JSON objects, of which several may be on one
        line; comments are skipped. An object without names is a row with a problem, and so is the
        rest of a line from where it is not a JSON object. Return the last table that has commit and
        metric, else that of the last row; one without columns if there are no rows."""
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
    """Return whether a line is the one between the header and the rows of a Markdown table."""
    return format == MARKDOWN and not line.strip(" |:-")


def column_fault(ledger: Ledger, metric: str) -> RecordError | None:
    """Return the error that no row can be written below those that are there, since the table has
    no header, or lacks the column of the commit or of ``metric``, the metric's name. None if a row
    can be written, or there is no table yet."""
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
    """Return a tuple: the rows that belong to none of the runs ``entries``, in their order, and the
    runs that have no row; equal runs are next to each other.

    A run has at most one row: the first one that says what the run's record says in the known
    columns (`Table.key`). A row of a table without commit or metric belongs to no run, nor does one
    after all runs have theirs.
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
