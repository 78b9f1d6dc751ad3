"""Read what each row of a ledger claims about its experiment."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.evidence.claims import columns as recognised
from pytest_ouro.evidence.claims.statuses import names_baseline
from pytest_ouro.evidence.ledger.ledger_format import JSONL
from pytest_ouro.evidence.ledger.ledger_names import (
    commit_of,
    find_columns,
    normalise,
    number_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ouro.evidence.claims.columns import Found
    from pytest_ouro.evidence.claims.statuses import StatusClass
    from pytest_ouro.evidence.ledger.ledger import Ledger, Row
    from pytest_ouro.evidence.ledger.ledger_format import Cell
    from pytest_ouro.evidence.ledger.ledger_names import Columns

#: A JSON object that states the settings of a session, which some tools write first.
_CONFIG = re.compile(r'\s*\{\s*"type"\s*:\s*"(?:config|session|meta|header)"')
#: Columns of the training time in seconds.
_SECONDS = re.compile(
    r"(?:train(?:ing)?|elapsed|duration|wall|run)_?(?:time|seconds?|secs?|s|clock)?(?:_(?:s|sec|secs"
    r"|seconds))?|seconds|time_s|duration_s|elapsed"
)
#: Columns that name what was measured, where a table has rows about several things.
_SUBJECT = re.compile(
    r"(?:game|task|dataset|data_?set|env|environment|benchmark|problem|scenario|kernel|domain|track|suite"
    r"|device|gpu|hardware|machine|host|platform|profile|split|fold|language|lang|target|market|symbol"
    r"|asset|ticker|model|model_?name|subject|level|workload|campaign)"
)
#: Values that stand for no result where the metric cannot have them.
SENTINELS = (0.0, 99.0, 999.0, 9999.0, -1.0)


class ClaimedRow(NamedTuple):
    """What a row of a ledger says about its experiment.

    ``line`` is the number of its first line, ``cell`` the text of the commit cell, and ``hash`` the
    hash in it, in lower case ("": none; see `commit_of`). ``word`` is the text of the status,
    ``status`` its class. ``metric`` is the text of the metric, with a number in the usual way of
    writing, and ``value`` that number; None without a finite one, and for a crash. ``memory`` is in
    MB, ``seconds`` is the training time (for both, None: not stated). ``others`` has a pair for
    each number in a column without a meaning named above, or in that of ``seconds``: the column's
    normalised name, and the number. ``subject`` is what was measured, in small letters; "" if no
    column says it.
    """

    line: int
    cell: str
    hash: str
    status: StatusClass
    word: str
    value: float | None
    metric: str
    memory: float | None
    seconds: float | None
    description: str
    others: tuple[tuple[str, float], ...] = ()
    subject: str = ""

    @property
    def is_kept(self) -> bool:
        """Whether the row says that the result was kept; True for a baseline."""
        return self.status in ("keep", "baseline")


class Rows(NamedTuple):
    """The rows of a ledger, in their order, and the numbers of the lines that could not be read as
    rows, and of those that could although they are not as their header says."""

    rows: tuple[ClaimedRow, ...]
    lost: tuple[int, ...]
    odd: tuple[int, ...]


def read_rows(ledger: Ledger, metric: str, found: Found | None = None) -> Rows:
    """Return what the rows of a ledger claim. ``metric`` is the name of the metric ("":
    unknown), ``found`` the columns without a usual name (None: they are recognised here)."""
    rows: list[ClaimedRow] = []
    lost: list[int] = []
    odd: list[int] = []
    found = recognised.find(ledger) if found is None else found
    for row in ledger.rows:
        above = row.line < row.table.line
        claims = [] if above else list(_read(row, metric, found))
        rows += claims
        if not claims and not _CONFIG.match(row.text):
            lost.append(row.line)
        elif _is_odd(row):
            odd.append(row.line)
    return Rows(tuple(rows), tuple(lost), tuple(odd))


def _is_odd(row: Row) -> bool:
    """Return whether a row that could be read has more or fewer cells than its header has columns,
    a leading tab aside, or is written with ``\\t`` for tabs."""
    format = row.table.format
    if format == JSONL:
        return False
    if format.separator == "\t" and "\t" not in row.text and "\\t" in row.text:
        return True
    return not row.cells and not (format.separator == "\t" and row.text.startswith("\t"))


def _read(row: Row, metric: str, found: Found) -> Iterator[ClaimedRow]:
    """Yield the claim of a row; two if two rows are on one line; nothing if it cannot be read."""
    if row.table.format == JSONL:
        if pair := recognised.flatten(row):
            columns = found.complete(pair[0], find_columns(pair[0], metric))
            yield from _claim(row, *pair, columns, found)
        return
    names = recognised.names_of(row)
    columns = found.complete(names, row.table.columns)
    for cells in _cells(row, columns):
        yield from _claim(row, names, cells, columns, found)


def _cells(row: Row, columns: Columns) -> Iterator[Sequence[Cell]]:
    """Yield the cells of a row, as many as the table has columns: those beyond are joined to the
    last if that is the description, and left out if they are empty, as is a leading tab; missing
    ones at the end are empty. A line with twice as many is two rows. Nothing if the cells do not
    fit."""
    table, width = row.table, len(row.table.names)
    if cells := row.cells:
        yield cells
        return
    split = table.format.split(row.text)
    if table.format.separator == "\t" and not split[0].strip() and len(split) == width + 1:
        yield split[1:]  # a leading tab
    elif 2 * width - 1 <= len(split) <= 2 * width and (second := _second(split, width, columns)):
        yield split[: width - 1] + second[0]
        yield second[1]
    elif len(split) > width and columns.description == width - 1:
        yield [*split[: width - 1], " ".join(split[width - 1 :])]
    elif len(split) > width and not any(cell.strip() for cell in split[width:]):
        yield split[:width]
    elif len(split) < width and _reaches(len(split), columns):
        yield [*split, *[""] * (width - len(split))]


def _second(split: list[str], width: int, columns: Columns) -> tuple[list[str], list[str]] | None:
    """Return the last cell of the first row, and the cells of the second, of a line that has two
    rows; None for another line. Where the line break between the rows is missing, the last cell of
    the first row and the first cell of the second are one cell, which is split before the hash of
    the commit."""
    place = columns.commit
    if place is None:
        return None
    if len(split) == 2 * width:
        rest = split[width:]
        return ([split[width - 1]], rest) if commit_of(rest[place]) else None
    if place:
        return None
    seam = re.fullmatch(r"(.*?)\b([0-9a-f]{7,40})", split[width - 1])
    return ([seam[1]], [seam[2], *split[width:]]) if seam else None


def _reaches(width: int, columns: Columns) -> bool:
    """Return whether a row that ends after ``width`` cells, at least 2, still has the commit, the
    metric and the status, each as far as there is a column for it."""
    wanted = (columns.commit, columns.metric, columns.status)
    return width >= 2 and all(place < width for place in wanted if place is not None)


def _claim(
    row: Row,
    names: Sequence[str],
    cells: Sequence[Cell],
    columns: Columns,
    how: Found,
) -> Iterator[ClaimedRow]:
    """Yield the claim of a row with these columns and cells; nothing if it says too little of a
    commit, a metric and a status to be a row."""
    texts = ["" if cell is None else str(cell).strip() for cell in cells]
    if how.numbers:
        texts = [how.plain(name, text) for name, text in zip(names, texts, strict=True)]
    commit, value, memory, status, words = (
        "" if place is None else texts[place] for place in columns.known
    )
    normal = [normalise(name) for name in names]
    klass = how.classify(
        status, normal[columns.status] if columns.status is not None else "", words
    )
    if klass == "keep" and (names_baseline(words) or names_baseline(commit)):
        klass = "baseline"
    number = _number(value)
    if not (number is not None or status or klass != "other" or commit_of(commit)):
        return
    if not (commit or value or klass != "other"):
        return
    known = {place for place in columns.known if place is not None}
    numbers = [
        (name, found)
        for place, name in enumerate(normal)
        if place not in known and (found := _number(texts[place])) is not None
    ]
    subject = [
        texts[place].casefold()
        for place, name in enumerate(normal)
        if place not in known and _SUBJECT.fullmatch(name) and _number(texts[place]) is None
    ]
    seconds = next((found for name, found in numbers if _SECONDS.fullmatch(name)), None)
    used = _number(memory)
    if used is not None and not columns.megabytes:
        used *= 1024
    yield ClaimedRow(
        line=row.line,
        cell=commit,
        hash=commit_of(commit),
        status=klass,
        word=status,
        value=None if klass == "crash" else number,
        metric=value,
        memory=used,
        seconds=seconds,
        description=words,
        others=tuple(numbers),
        subject=" ".join(subject),
    )


def _number(text: str) -> float | None:
    """Return the finite number in a cell; None if there is none."""
    found = number_of(text)
    return found if found is not None and math.isfinite(found) else None
