"""Find what the columns of a ledger hold: by their names, else by their cells."""

from __future__ import annotations

import itertools
import json
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.evidence.claims.numbers import Numbers, numbers_of
from pytest_ouro.evidence.claims.statuses import KEPT, classify
from pytest_ouro.evidence.ledger.ledger_format import JSONL, SEMICOLONS
from pytest_ouro.evidence.ledger.ledger_names import (
    commit_of,
    find_columns,
    normalise,
    number_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ouro.evidence.claims.statuses import StatusClass
    from pytest_ouro.evidence.ledger.ledger import Ledger, Row
    from pytest_ouro.evidence.ledger.ledger_format import Cell
    from pytest_ouro.evidence.ledger.ledger_names import Columns

#: The rows by whose cells columns are recognised.
_ROWS = 200
#: The longest cell that can be a status.
_WORD = 24
#: The least share of statuses that the values of a metric have to agree with.
AGREES = 0.75


class Found(NamedTuple):
    """The names of the columns of a ledger that hold the commit, the status, the description, and,
    without a header, the metric; "" for one that has a usual name, or that none holds. A status
    that is found so counts even if another column has its usual name.

    ``numbers`` says of columns, by name, how they write their numbers, if not in the usual way.
    ``words`` has the class of each word for a status (in small letters, without blanks around it)
    that was inferred from its rows (see `infer_words`).
    """

    commit: str = ""
    status: str = ""
    description: str = ""
    metric: str = ""
    numbers: Mapping[str, Numbers] = MappingProxyType({})
    words: Mapping[str, StatusClass] = MappingProxyType({})

    def complete(self, names: Sequence[str], columns: Columns) -> Columns:
        """Return ``columns``, which has the known positions among ``names``, with the columns that
        were found in place of missing ones. A status that was found replaces a known one, too."""

        def place(name: str, known: int | None) -> int | None:
            return names.index(name) if known is None and name in names else known

        own = self.status if self.status in names else ""
        return columns._replace(
            commit=place(self.commit, columns.commit),
            status=names.index(own) if own else columns.status,
            description=place(self.description, columns.description),
            metric=place(self.metric, columns.metric),
        )

    def plain(self, name: str, text: str) -> str:
        """Return a cell of the column ``name`` as `Numbers.plain` does; unchanged if ``numbers``
        does not have the column."""
        numbers = self.numbers.get(name)
        return numbers.plain(text) if numbers else text

    def classify(self, text: str, column: str, words: str) -> StatusClass:
        """Return the class of the status ``text``: the one that was inferred for this word,
        otherwise what `classify` returns for the same arguments."""
        known = self.words.get(text.strip().casefold()) if self.words else None
        return known or classify(text, column, words)


def names_of(row: Row) -> Sequence[str]:
    """Return the names of the columns of a row of a table: those of its header, or ``column 1`` and
    so on."""
    names = row.table.names
    return names if any(names) else [f"column {n}" for n in range(1, len(names) + 1)]


def flatten(row: Row) -> tuple[list[str], list[Cell]] | None:
    """Return the names and the values of a row of JSON: its own first, then those of objects within
    it, at any depth, where a list and null are None. Return None if it is not an object."""
    try:
        found = json.loads(row.text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    names: list[str] = []
    cells: list[Cell] = []
    objects = [found]
    for one in objects:  # grows by those within
        for name, value in one.items():
            if isinstance(value, dict):
                objects.append(value)
            else:
                names.append(name)
                cells.append(value if isinstance(value, (str, int, float)) else None)
    return names, cells


def read_columns(ledger: Ledger) -> dict[str, list[str]]:
    """Return, by the name of the column, the cells of those of the first 200 rows that can be read,
    to recognise the columns by; "" for an absent cell. Numbers are in the usual way of writing."""
    found = _read_cells(ledger)
    for name, numbers in _find_numbers(ledger, found).items():
        found[name] = [numbers.plain(text) for text in found[name]]
    return found


def _find_numbers(ledger: Ledger, cells: Mapping[str, Sequence[str]]) -> dict[str, Numbers]:
    """Return how the columns write their numbers, of those that have some which are not written in
    the usual way, or in several units."""
    table = ledger.table
    commas = table is not None and table.format == SEMICOLONS
    found = {}
    for name, texts in cells.items():
        numbers = numbers_of(texts, commas=commas)
        if any(numbers.plain(text) != text for text in texts):
            found[name] = numbers
    return found


def _read_cells(ledger: Ledger) -> dict[str, list[str]]:
    """Return the cells as `read_columns` does, but with numbers as they are written. Blanks around
    a cell are left out."""
    found: dict[str, list[str]] = {}
    count = 0
    for row in ledger.rows[:_ROWS]:
        if row.line < row.table.line:
            continue
        pair = flatten(row) if row.table.format == JSONL else (names_of(row), row.cells)
        if not pair or not pair[1]:
            continue
        for name, cell in zip(*pair, strict=False):
            cells = found.setdefault(name, [])
            cells += [""] * (count - len(cells))
            if len(cells) == count:
                cells.append("" if cell is None else str(cell).strip())
        count += 1
    for cells in found.values():
        cells += [""] * (count - len(cells))
    return found


def find(ledger: Ledger) -> Found:
    """Return the columns of a ledger that are recognised by their cells, of those without a usual
    name."""
    raw = _read_cells(ledger)
    numbers = _find_numbers(ledger, raw)
    cells: dict[str, Sequence[str]] = dict(raw)
    for name, how in numbers.items():
        cells[name] = [how.plain(text) for text in raw[name]]
    names = list(cells)
    named = find_columns(names, "")
    if names and any(row.table.columns.commit is not None for row in ledger.rows):
        named = named._replace(commit=0)
    left = {name: texts for name, texts in cells.items() if any(texts)}
    commit = "" if named.commit is not None else _find_commit(left)
    status = "" if named.status is not None else _find_status(left, commit)
    taken = {commit, status, *(names[place] for place in named.known if place is not None)}
    words = "" if named.description is not None else _find_words(left, taken)
    metric = ""
    if ledger.table is not None and not any(ledger.table.names) and commit:
        statuses = [classify(text, "status", "") for text in cells.get(status, ())]
        metric = _find_metric({n: t for n, t in left.items() if n not in taken}, statuses)
    return Found(commit, status, words, metric, MappingProxyType(numbers))


def _find_commit(cells: Mapping[str, Sequence[str]]) -> str:
    """Return the column with the most hashes if at least 40% of its cells are hashes; otherwise "".
    A hash of digits alone does not count."""
    hashes = {
        name: sum(bool(commit_of(text)) and not text.isdigit() for text in texts)
        for name, texts in cells.items()
    }
    best = max(hashes, key=lambda name: hashes[name], default="")
    return best if best and hashes[best] >= 0.4 * len(cells[best]) else ""


def _find_status(cells: Mapping[str, Sequence[str]], commit: str) -> str:
    """Return the column, other than ``commit`` (the column of commits), in which the most cells
    mean a status, if at least 60% do; "" otherwise. Compared are columns of short words, and
    columns whose name says that they tell whether a result was kept."""
    shares: dict[str, float] = {}
    for name, texts in cells.items():
        column = normalise(name)
        if name != commit and (column in KEPT or are_words(texts)):
            classes = [classify(text, column or "status", "") for text in texts if text]
            shares[name] = sum(one != "other" for one in classes) / len(texts)
    best = max(shares, key=lambda name: shares[name], default="")
    return best if best and shares[best] >= 0.6 else ""


def are_words(texts: Sequence[str]) -> bool:
    """Return whether the cells of a column that are not empty have at most 24 characters, fewer
    than half of them are numbers, and there are few different ones: at most four, or half as many
    as such cells. False if all are empty."""
    filled = [text for text in texts if text]
    few = len(set(filled)) <= max(4, len(filled) / 2)
    numbers = sum(number_of(text) is not None for text in filled)
    return few and 2 * numbers < len(filled) and max(map(len, filled)) <= _WORD


def _find_words(cells: Mapping[str, Sequence[str]], taken: set[str]) -> str:
    """Return the column with the most words, of those not in ``taken`` (the columns whose meaning
    is known), if it has at least 1.5 words of two letters or more a cell. Columns with cells of
    JSON do not count. Return "" if there is none."""
    lengths = {
        name: sum(len(re.findall(r"[^\W\d_]{2,}", text)) for text in texts)
        for name, texts in cells.items()
        if name not in taken and not any(text.startswith(("{", "[")) for text in texts)
    }
    best = max(lengths, key=lambda name: lengths[name], default="")
    return best if best and lengths[best] >= 1.5 * len(cells[best]) else ""


def _find_metric(cells: Mapping[str, Sequence[str]], statuses: Sequence[StatusClass]) -> str:
    """Return the column of numbers that the statuses agree with best (see `agreement`), the first
    of equal ones, if at least three of four statuses agree; "" otherwise."""
    shares = {name: agreement(texts, statuses) for name, texts in cells.items()}
    best = max(shares, key=lambda name: shares[name], default="")
    return best if best and shares[best] >= AGREES else ""


def agreement(texts: Sequence[str], statuses: Sequence[StatusClass], direction: str = "") -> float:
    """Return the share of rows whose status is what the values say, if a row is kept where its
    value is better than the one kept before: 0.0 if fewer than two rows can be judged, and for a
    column that counts its rows, is the same in all, or has fewer than three numbers. ``direction``
    is ``lower`` or ``higher``, "" for either."""
    numbers = [number_of(text) for text in texts]
    values = [value for value in numbers if value is not None]
    if len(values) < 3 or len(set(values)) < 2 or counts_rows(texts):
        return 0.0
    signs = {"lower": (-1,), "higher": (1,)}.get(direction, (-1, 1))
    return max(_agrees(numbers, statuses, sign) for sign in signs)


def _agrees(numbers: Sequence[float | None], statuses: Sequence[StatusClass], sign: int) -> float:
    """Return the share of the statuses "keep" and "discard", after the first row that is kept or a
    baseline, that the numbers explain as `agreement` says; 0.0 if there are fewer than two.
    ``sign`` is 1 if higher ones are better, else -1."""
    best: float | None = None
    right = judged = 0
    for value, status in zip(numbers, statuses, strict=False):
        if value is None or status not in ("keep", "baseline", "discard"):
            continue
        if best is not None and status != "baseline":
            judged += 1
            right += (sign * (value - best) > 0) == (status == "keep")
        if status != "discard":
            best = value
    return right / judged if judged >= 2 else 0.0


def counts_rows(texts: Sequence[str]) -> bool:
    """Return whether the cells of a column, as far as they are not empty, are all numbers that
    count the rows (see `counts_up`)."""
    numbers = [number_of(text) for text in texts if text]
    values = [value for value in numbers if value is not None]
    return len(values) == len(numbers) and counts_up(values)


def counts_up(values: Sequence[float]) -> bool:
    """Return whether there are at least three numbers, which are whole and never fall, and at least
    60% of the steps are by one."""
    if len(values) < 3 or any(value % 1 for value in values):
        return False
    steps = [b - a for a, b in itertools.pairwise(values)]
    return all(step >= 0 for step in steps) and steps.count(1.0) >= 0.6 * len(steps)
