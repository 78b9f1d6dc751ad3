"""Infer the metric of a ledger and which of its values are better."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Literal

from pytest_ouro.audit.result import Inference
from pytest_ouro.evidence.records.ledger_names import find_columns, normalise, number_of
from pytest_ouro.onboarding.discover.words import named_direction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_ouro.evidence.claims.rows import ClaimedRow
    from pytest_ouro.evidence.records.ledger import Ledger

Direction = Literal["lower", "higher"]

_STATED = re.compile(r"(?im)^#.*direction\W+(lower|higher|min|max)")
#: Columns that count or time something and are not what a loop is about, unless they are named.
_ASIDE = re.compile(
    r".*(?:memory|vram|mem|time|seconds|secs|duration|step|epoch|params|param|batch|size|delta|gain"
    r"|iteration|iter|experiment|exp|round|run|trial|index|session|version|line|id|num|count|cost|tokens|lr|seed|date|timestamp|mfu|before|best|budget).*"
)
#: Names that stand for a metric of any name.
_ANY = ("metric", "value", "score", "metric_value", "metric_after", "result")


def column_names(ledger: Ledger) -> list[str]:
    """Return the names of all columns of a ledger, each once; of JSON also those within objects."""
    found: dict[str, None] = {}
    for table in dict.fromkeys(row.table for row in ledger.rows):
        found |= dict.fromkeys(table.names)
    for row in ledger.rows[:20]:
        if not row.table.format.separator:
            found |= dict.fromkeys(re.findall(r'"([\w@./-]+)"\s*:', row.text))
    return list(found)


def infer_metric(ledger: Ledger, given: str, discovered: str, said: Iterable[str]) -> Inference:
    """Return the metric's name, or "" if the ledger has none: as ``given`` by an option, else that
    of the project (``discovered``) or of its instructions (``said``) if the ledger has a column for
    it, else the only column of numbers whose name can be a metric's."""
    if given:
        return Inference("metric", given, "given by --metric")
    said = tuple(said)
    names = column_names(ledger)
    normal = {normalise(name): name for name in names}
    for name, where in (
        (discovered, "the code prints it"),
        *((s, "the instructions name it") for s in said),
    ):
        if name and normalise(name) in normal and _is_numeric(ledger, normal[normalise(name)]):
            return Inference("metric", name, f"{where}, and {_column(ledger)} has that column")
    place = find_columns(names, "").metric
    usual = names[place] if place is not None else ""
    if usual and normalise(usual) not in _ANY:
        return Inference("metric", usual, f"{_column(ledger)} has that column")
    telling = [name for name in names if _can_be(ledger, name) and named_direction(name)]
    others = [name for name in names if _can_be(ledger, name)]
    if ledger.table is not None and ledger.table.line == 0 and ledger.table.format.separator:
        chosen = discovered or next(iter(said), "") or "metric"
        return Inference("metric", chosen, "the table has no header; its second column")
    if usual and discovered:
        return Inference("metric", discovered, f"the code prints it; the column is {usual}")
    if usual:
        return Inference("metric", usual, f"{_column(ledger)} has that column")
    if telling or others:
        chosen = (telling or others)[0]
        return Inference("metric", chosen, f"the first column of numbers of {_column(ledger)}")
    if discovered and find_columns(names, discovered).metric is not None:
        return Inference("metric", discovered, "the code prints it")
    return Inference("metric", "", f"{_column(ledger)} has no column of numbers that is a metric")


def _column(ledger: Ledger) -> str:
    """Return the name of the ledger for words."""
    return ledger.path.name


def _is_numeric(ledger: Ledger, name: str) -> bool:
    """Return whether at least a third of the rows that have a column have a number in it."""
    found, numbers = 0, 0
    for row in ledger.rows[:300]:
        if not row.table.format.separator:
            match = re.search(rf'"{re.escape(name)}"\s*:\s*("?)([-+.\dA-Za-z]*)', row.text)
            cell = match[2] if match else None
        elif name in row.table.names:
            cells = row.cells
            cell = str(cells[row.table.names.index(name)]) if cells else None
        else:
            cell = None
        if cell is not None:
            found += 1
            numbers += number_of(cell) is not None
    return found > 0 and 3 * numbers >= found


def _can_be(ledger: Ledger, name: str) -> bool:
    """Return whether most cells of a column are numbers, and its name can be a metric's."""
    plain = normalise(name)
    known = find_columns([name], "").known
    if not plain or _ASIDE.fullmatch(plain) or any(place is not None for place in known):
        return False
    cells = [
        found[row.table.names.index(name)]
        for row in ledger.rows[:200]
        if name in row.table.names and (found := row.cells)
    ]
    numbers = [cell for cell in cells if cell is not None and number_of(str(cell)) is not None]
    return bool(numbers) and len(numbers) >= 0.5 * len(cells)


def infer_direction(
    name: str,
    text: str,
    rows: Sequence[ClaimedRow],
    given: str,
    stated: str,
) -> tuple[Direction | None, Inference]:
    """Return which values of the metric are better, None if nothing says so, and why: as ``given``
    by an option, as a comment of the ledger's ``text`` says, as the instructions say (``stated``),
    as the kept values go if all go one way, or as the name says."""
    if given in ("lower", "higher"):
        return _as(given, "given by --direction")
    if found := _STATED.search(text):
        word = {"min": "lower", "max": "higher"}.get(found[1].lower(), found[1].lower())
        return _as(word, "a comment of the ledger says so")
    if stated in ("lower", "higher"):
        return _as(stated, "the instructions say so")
    trend, steps = _trend(rows)
    named = named_direction(name)
    if named and (not trend or trend == named or steps < 4):
        return _as(named, f"the name {name} says so")
    if trend and (steps >= 4 or not named):
        return _as(trend, f"all {steps} kept values after the first are {trend}")
    return None, Inference(
        "direction", "", "no name, text or kept value shows it: --direction lower, or higher"
    )


def _as(word: str, why: str) -> tuple[Direction, Inference]:
    """Return a direction with its inference."""
    return ("lower" if word == "lower" else "higher"), Inference(
        "direction", f"{word} is better", why
    )


def _trend(rows: Sequence[ClaimedRow]) -> tuple[str, int]:
    """Return the direction in which every kept value goes from the one before, and the number of
    such steps; "" and 0 if they go both ways, or there is at most one step."""
    values = [row.value for row in rows if row.is_kept and row.value is not None]
    steps = [b - a for a, b in itertools.pairwise(values) if a != b]
    if len(steps) >= 2 and all(step < 0 for step in steps):
        return "lower", len(steps)
    if len(steps) >= 2 and all(step > 0 for step in steps):
        return "higher", len(steps)
    return "", 0
