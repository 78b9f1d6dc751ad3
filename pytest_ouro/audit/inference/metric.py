"""Infer the metric of a ledger and which of its values are better."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Literal

from pytest_ouro.audit.result import Inference
from pytest_ouro.evidence.claims.columns import AGREES, agreement, counts_rows, find, read_columns
from pytest_ouro.evidence.ledger.ledger_names import find_columns, normalise, number_of
from pytest_ouro.evidence.ledger.metric_names import named_direction
from pytest_ouro.messages import records as messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_ouro.evidence.claims.columns import Found
    from pytest_ouro.evidence.claims.rows import ClaimedRow
    from pytest_ouro.evidence.claims.statuses import StatusClass
    from pytest_ouro.evidence.ledger.ledger import Ledger

Direction = Literal["lower", "higher"]

_STATED = re.compile(r"(?im)^#.*direction\W+(lower|higher|min|max)")
#: Words of columns that count or time something and are not what a loop is about, unless they are
#: named.
_ASIDE = re.compile(
    r"(?:wall|train|total|elapsed|peak|gpu|cuda|memory|vram|mem|time|seconds?|secs?|duration|steps?|epochs?"
    r"|params?|parameters|batch|size|delta|gain|iterations?|iter|experiments?|exp|rounds?|runs?|trials?"
    r"|index|idx|std|stddev|stderr|sem|sigma|noise|sessions?|versions?|lines?|ids?|nums?|counts?|costs?|tokens?|lr|seeds?|date|timestamp"
    r"|stamp|mfu|before|best|budget|n|no|old|previous|prev)+\d*"
)
#: The least share of statuses that the values of the only column of numbers, and of one whose name
#: says which values are better, have to agree with.
_MOSTLY = 0.6
#: Names that stand for a metric of any name.
_ANY = ("metric", "value", "score", "metric_value", "metric_after", "result")


def infer_metric(
    ledger: Ledger,
    given: str,
    discovered: str,
    said: Iterable[str],
    columns: Found | None = None,
) -> Inference:
    """Return the metric's name and the reason for it; the name is "" if no column can be the
    metric.

    The first of these counts: the name ``given`` by an option; the name that the project prints
    (``discovered``) or that its instructions give (``said``), if the ledger has a column of numbers
    with that name; a column with a usual name for a metric (if that name fits any metric, as
    ``value`` does, the metric has the printed name); another column of numbers, by its name and by
    how well the statuses of the rows agree with it; the printed name if a column can be that
    metric's. If the table has no header, the name is ``discovered``, else the first of ``said``,
    else "metric". ``columns`` are those that are recognised by their cells (None: they are
    recognised here). Raise RecordError if the ledger has names of columns, and none is that of the
    ``given`` metric.
    """
    if given:
        names = [] if _has_no_header(ledger) else list(read_columns(ledger))
        if names and find_columns(names, given).metric is None:
            raise messages.no_column(_file_name(ledger), given, names)
        return Inference("metric", given, "given by --metric")
    said = tuple(said)
    columns = find(ledger) if columns is None else columns
    cells = read_columns(ledger)
    names = list(cells)
    normal = {normalise(name): name for name in names}
    for name, where in (
        (discovered, "the code prints it"),
        *((s, "the instructions name it") for s in said),
    ):
        if name and normalise(name) in normal and _is_numeric(cells[normal[normalise(name)]]):
            return Inference("metric", name, f"{where}, and {_file_name(ledger)} has that column")
    place = find_columns(names, "").metric
    usual = names[place] if place is not None else ""
    if usual and normalise(usual) not in _ANY:
        return Inference("metric", usual, f"{_file_name(ledger)} has that column")
    others = [name for name in names if _can_be(name, cells[name])]
    telling = [name for name in others if named_direction(name)]
    if _has_no_header(ledger):
        chosen = discovered or next(iter(said), "") or "metric"
        where = columns.metric or "its second column"
        return Inference("metric", chosen, f"the table has no header; {where}")
    if usual and discovered:
        return Inference("metric", discovered, f"the code prints it; the column is {usual}")
    if usual:
        return Inference("metric", usual, f"{_file_name(ledger)} has that column")
    if telling or others:
        chosen = _most_agreeing(columns, cells, telling, others)
        return Inference("metric", chosen, f"a column of numbers of {_file_name(ledger)}")
    if followed := _followed(columns, cells):
        return Inference("metric", followed, f"the statuses of {_file_name(ledger)} follow it")
    if only := _only_numbers(columns, cells):
        return Inference("metric", only, f"the only column of numbers of {_file_name(ledger)}")
    if discovered and find_columns(names, discovered).metric is not None:
        return Inference("metric", discovered, "the code prints it")
    return Inference(
        "metric", "", f"{_file_name(ledger)} has no column of numbers that is a metric"
    )


def _has_no_header(ledger: Ledger) -> bool:
    """Return whether the ledger is a table of text without a header."""
    table = ledger.table
    return table is not None and table.line == 0 and bool(table.format.separator)


def _file_name(ledger: Ledger) -> str:
    """Return the name of the ledger's file, for the reasons that the audit states."""
    return ledger.path.name


def _is_numeric(cells: Sequence[str]) -> bool:
    """Return whether at least a third of the cells of a column that are not empty are numbers;
    False if all are empty."""
    found = [cell for cell in cells if cell]
    numbers = sum(number_of(cell) is not None for cell in found)
    return bool(found) and 3 * numbers >= len(found)


def _can_be(name: str, cells: Sequence[str]) -> bool:
    """Return whether at least half of the cells of a column, empty ones included, are numbers that
    do not count the rows, and its name can be a metric's: it has no other known meaning and is not
    `_is_aside`."""
    plain = normalise(name)
    known = find_columns([name], "").known
    if not plain or _is_aside(plain) or any(place is not None for place in known):
        return False
    numbers = sum(number_of(cell) is not None for cell in cells)
    return numbers > 0 and numbers >= 0.5 * len(cells) and not counts_rows(cells)


def _is_aside(name: str) -> bool:
    """Return whether a normalised name of a column has a word for a time, size, count or the like
    (`_ASIDE`), which is rarely the metric of a loop. Of ``a_per_b`` and ``a_vs_b`` only the first
    part is looked at."""
    words = re.split(r"_(?:per|vs|versus|over|against)_", name)[0].split("_")
    return any(map(_ASIDE.fullmatch, words))


def _statuses(columns: Found, cells: Mapping[str, Sequence[str]]) -> list[StatusClass]:
    """Return the classes of the statuses of the rows; [] without a column for them."""
    names = list(cells)
    status = columns.complete(names, find_columns(names, "")).status
    if status is None:
        return []
    column = normalise(names[status])
    return [columns.classify(text, column, "") for text in cells[names[status]]]


def _most_agreeing(
    columns: Found,
    cells: Mapping[str, Sequence[str]],
    telling: Sequence[str],
    others: Sequence[str],
) -> str:
    """Return the column with whose values the statuses of the rows agree best, the first of equal
    ones. Of the columns ``telling``, whose names say which values are better, the best one is
    taken; of all columns of numbers (``others``) if there is no such column, or if the statuses
    contradict it and clearly agree with another."""
    statuses = _statuses(columns, cells)

    def share(name: str) -> float:
        """Return the share of the rows whose statuses agree with the values of a column."""
        return agreement(cells[name], statuses, named_direction(name))

    best = max(others, key=share)
    named = max(telling, key=share, default=best)
    return best if share(best) >= AGREES and share(named) < _MOSTLY else named


def _followed(columns: Found, cells: Mapping[str, Sequence[str]]) -> str:
    """Return, of the columns whose names say which values are better, the one with whose values the
    statuses agree best; "" if fewer than three in four (`AGREES`) agree. It is called for a column
    of a time, a size or the like that decides what is kept."""
    statuses = _statuses(columns, cells)
    shares = {
        name: agreement(texts, statuses, named_direction(name))
        for name, texts in cells.items()
        if named_direction(name)
    }
    best = max(shares, key=lambda name: shares[name], default="")
    return best if best and shares[best] >= AGREES else ""


def _only_numbers(columns: Found, cells: Mapping[str, Sequence[str]]) -> str:
    """Return the only column of numbers (`_is_numeric`) without a known meaning that has three
    different cells or more and does not count the rows. Return "" if there is not exactly one, if
    no row was kept or none was discarded, or if the statuses do not agree with its values."""
    names = list(cells)
    known = columns.complete(names, find_columns(names, "")).known
    found = [
        name
        for place, (name, texts) in enumerate(cells.items())
        if place not in known and _is_numeric(texts)
        if len(set(texts)) > 2 and not counts_rows(texts)
    ]
    statuses = _statuses(columns, cells)
    if len(found) != 1 or not {"keep", "discard"} <= {*statuses}:
        return ""
    share = agreement(cells[found[0]], statuses, named_direction(found[0]))
    return found[0] if share >= _MOSTLY else ""


def infer_direction(
    name: str,
    text: str,
    rows: Sequence[ClaimedRow],
    given: str,
    stated: str,
) -> tuple[Direction | None, Inference]:
    """Return which values of the metric are better (None if nothing says so) and the reason.

    The first of these counts: ``given`` by an option; a comment in the ledger's ``text``;
    ``stated`` by the instructions; the metric's name, unless the kept values contradict it in four
    or more steps; the kept values, if each differs from the one before in the same direction; the
    direction that the statuses follow (`_followed_direction`).
    """
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
    if followed := _followed_direction(rows):
        return _as(followed, "the statuses of the rows follow it")
    return None, Inference(
        "direction", "", "no name, text or kept value shows it: --direction lower, or higher"
    )


def _followed_direction(rows: Sequence[ClaimedRow]) -> str:
    """Return the direction that the statuses agree with: with it, at least three in four of them
    (`AGREES`) are what the values say, and clearly more than with the other one. The values say
    that a row is kept if its value is better than the one kept before it, and discarded otherwise.
    Without such a direction, return that of `_parted_direction` ("" if there is none either)."""
    texts = [row.metric if row.value is not None else "" for row in rows]
    statuses = [row.status for row in rows]
    lower, higher = (agreement(texts, statuses, way) for way in ("lower", "higher"))
    if max(lower, higher) < AGREES or abs(lower - higher) < 0.25:
        return _parted_direction(rows)
    return "lower" if lower > higher else "higher"


def _parted_direction(rows: Sequence[ClaimedRow]) -> str:
    """Return on which side of all discarded values all kept ones are, as where each value is a
    difference from the best of its moment; "" if they overlap, or if there are fewer than two of
    either."""
    kept, left = (
        [row.value for row in rows if row.status == status and row.value is not None]
        for status in ("keep", "discard")
    )
    if min(len(kept), len(left)) < 2:
        return ""
    if max(kept) < min(left):
        return "lower"
    return "higher" if min(kept) > max(left) else ""


def _as(word: str, why: str) -> tuple[Direction, Inference]:
    """Return a direction with its inference; any ``word`` but "lower" is "higher"."""
    return ("lower" if word == "lower" else "higher"), Inference(
        "direction", f"{word} is better", why
    )


def _trend(rows: Sequence[ClaimedRow]) -> tuple[str, int]:
    """Return the direction in which every kept value differs from the one before it, and the number
    of these steps; equal neighbours do not count. Return ("", 0) if the steps go both ways or are
    fewer than two."""
    values = [row.value for row in rows if row.is_kept and row.value is not None]
    steps = [b - a for a, b in itertools.pairwise(values) if a != b]
    if len(steps) >= 2 and all(step < 0 for step in steps):
        return "lower", len(steps)
    if len(steps) >= 2 and all(step > 0 for step in steps):
        return "higher", len(steps)
    return "", 0
