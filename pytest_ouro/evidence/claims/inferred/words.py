"""Infer what unknown words for a status mean: from what became of the code of their rows, and from
which of these have the best value so far."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.evidence.claims.columns import agreement, counts_rows, read_columns
from pytest_ouro.evidence.claims.rows import SENTINELS
from pytest_ouro.evidence.claims.statuses import classify
from pytest_ouro.evidence.ledger.ledger_names import (
    commit_of,
    find_columns,
    normalise,
    number_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_ouro.evidence.claims.columns import Found
    from pytest_ouro.evidence.claims.inferred.fates import Fate
    from pytest_ouro.evidence.claims.rows import ClaimedRow
    from pytest_ouro.evidence.claims.statuses import StatusClass
    from pytest_ouro.evidence.ledger.ledger import Ledger

#: How many different words a column for the status has at most, and how long they are.
_MOST, _LONGEST = 8, 24
#: How many rows of a word have to show what it means; one row may show the contrary if at least
#: three show it.
_ROWS, _MANY = 2, 3
#: How many rows have to show it where nothing is known of the code.
_JUDGED = 5


class Inferred(NamedTuple):
    """What the words of a column mean: the column's name, the class of each word that is explained
    (in small letters), and in words what shows it. ``rows`` is the number of rows whose word is
    known or explained."""

    column: str
    words: Mapping[str, StatusClass]
    why: str
    rows: int


class _Tally(NamedTuple):
    """What is known of the rows with one word: their number, of how many the code stays or is gone,
    how many have a value, and whether the first row of the ledger is one of them."""

    rows: int
    stays: int
    gone: int
    valued: int
    first: bool

    def meaning(self, *, best: int, judged: int, measured: bool) -> StatusClass:
        """Return the class that the rows show; "other" if they show none, or disagree. ``best`` is
        how many of ``judged`` values are better than all kept before, ``measured`` whether at least
        half of all rows have a value."""
        if measured and self.valued == 0 and not self.stays:
            return "crash"
        known = self.stays + self.gone
        if self.stays >= _ROWS and (not self.gone or (self.stays >= _MANY and self.gone == 1)):
            return "keep"
        if self.gone >= _ROWS and (not self.stays or (self.gone >= _MANY and self.stays == 1)):
            return "discard"
        if known == 1 and judged >= 1 and best == (judged if self.stays else 0):
            return "discard" if self.gone else "keep" if self.first else "other"
        if self.first and not known and self.valued == self.rows:
            return "baseline"
        return "other"


def infer_words(
    ledger: Ledger,
    found: Found,
    rows: Sequence[ClaimedRow],
    find_fates: Callable[[], Sequence[Fate]],
    metric: str,
) -> Inferred | None:
    """Return what the words of the column for the status mean, of those that are not known; None if
    no column has such words that the history explains. ``rows`` are those of the ledger,
    ``find_fates`` returns what became of the code of each, and is called only if a word is unknown,
    ``metric`` is the name of its metric ("": unknown).

    As a rule, a word means that a result was kept if the code of its rows stays, and that it was
    dropped if that is gone, and a column must have words of both kinds. A word whose rows have no
    value is that of a crash; the word of the first row, if that measures the code as it was, of a
    baseline. Values alone may show it too (see `_only_word` and `_by_values`).
    """
    cells = read_columns(ledger)
    names = list(cells)
    columns = found.complete(names, find_columns(names, metric))
    lines = {row.line: n for n, row in enumerate(rows)}
    used = [row.line for row in ledger.rows if row.line in lines][
        : len(next(iter(cells.values()), []))
    ]
    status = columns.status
    if status is not None and not _tells(cells[names[status]], normalise(names[status])):
        status = None
    taken = (columns.commit, columns.metric, columns.memory, columns.description)
    asked = [
        (name, texts)
        for place, (name, texts) in enumerate(cells.items())
        if status in (None, place) and place not in taken and len(texts) >= len(used)
        if _can_be_words(texts) and _has_unknown(name, texts)
    ]
    fates = find_fates() if asked else ()
    best: Inferred | None = None
    for name, texts in asked:
        pairs = [
            (text.strip().casefold(), rows[lines[line]], fates[lines[line]])
            for text, line in zip(texts, used, strict=False)
        ]
        one = _infer(name, pairs)
        if one and (best is None or one.rows > best.rows):
            best = one
    return best


def _has_unknown(column: str, texts: Sequence[str]) -> bool:
    """Return whether a column has a word that is not known for a status."""
    name = normalise(column) or "status"
    return any(classify(text, name, "") == "other" for text in set(texts) if text)


def _tells(texts: Sequence[str], column: str) -> bool:
    """Return whether at least 60% of the cells of a column that are not empty are known words for a
    status, some of results that were kept and some of others."""
    classes = [classify(text, column, "") for text in texts if text]
    known = [one for one in classes if one != "other"]
    both = {"keep", "baseline"} & {*known} and {"discard", "crash"} & {*known}
    return bool(both) and len(known) >= 0.6 * len(classes)


def _can_be_words(texts: Sequence[str]) -> bool:
    """Return whether the cells of a column can be words for a status: few different ones, at most
    24 characters long, and neither hashes nor numbers, except for exactly two that do not count the
    rows, such as 0 and 1."""
    filled = [text for text in texts if text]
    words = {text.casefold() for text in filled}
    if not filled or len(words) > min(_MOST, max(2, 2 * len(filled) // 3)):
        return False
    if max(map(len, filled)) > _LONGEST or counts_rows(texts):
        return False
    numbers = sum(number_of(text) is not None for text in words)
    return not any(map(commit_of, words)) and (not numbers or len(words) == numbers == 2)


def _infer(column: str, pairs: Sequence[tuple[str, ClaimedRow, Fate]]) -> Inferred | None:
    """Return what the words of one column mean; None if nothing explains the unknown ones well
    enough. ``pairs`` are the word, the row and the fate of each row."""
    normal = normalise(column)
    values = [row.value for _, row, _ in pairs if row.value not in (None, *SENTINELS)]
    found: dict[str, StatusClass] = {}
    why: list[str] = []
    kinds: dict[StatusClass, int] = {}
    bests = _bests(pairs)
    measured = 2 * sum(row.value is not None for _, row, _ in pairs) >= len(pairs)
    for word in dict.fromkeys(word for word, _, _ in pairs if word):
        own = [n for n, pair in enumerate(pairs) if pair[0] == word]
        tally = _count([pairs[n] for n in own], first=own[0] == 0, others=values)
        known = classify(word, normal or "status", "")
        if known != "other":
            kinds[known] = kinds.get(known, 0) + tally.rows
            continue
        judged = [bests[n] for n in own if bests[n] is not None]
        klass = tally.meaning(best=sum(map(bool, judged)), judged=len(judged), measured=measured)
        if klass == "other":
            continue
        found[word] = klass
        kinds[klass] = kinds.get(klass, 0) + tally.rows
        why.append(f"{word}: {_show(klass, tally, judged)}")
    both = kinds.get("keep", 0) and (kinds.get("discard", 0) or kinds.get("crash", 0))
    explained = [pair for pair in pairs if found.get(pair[0]) in ("keep", "discard")]
    if not found and not any(fate for _, _, fate in pairs):
        return _by_values(column, pairs)
    if not any(fate == "gone" for _, _, fate in pairs) and (one := _only_word(column, pairs)):
        return one
    if not found or not both or (explained and not any(fate for _, _, fate in explained)):
        return None
    return Inferred(column, found, "; ".join(why), sum(kinds.values()))


def _only_word(column: str, pairs: Sequence[tuple[str, ClaimedRow, Fate]]) -> Inferred | None:
    """Return that the only word of a column, in a log of nothing but results that were kept, means
    *keep*, if each of at least four rows has a value, all of which rise or all fall; None
    otherwise. The caller knows that no code of the rows is gone."""
    words = {word for word, _, _ in pairs}
    values = [row.value for _, row, _ in pairs]
    numbers = [value for value in values if value is not None]
    if len(words) != 1 or len(numbers) < max(_JUDGED - 1, len(values)):
        return None
    word = next(iter(words))
    steps = [b - a for a, b in itertools.pairwise(numbers)]
    if classify(word, normalise(column) or "status", "") != "other" or not (
        all(step > 0 for step in steps) or all(step < 0 for step in steps)
    ):
        return None
    why = f"each {word} is better than the one before, and the code of none is gone"
    return Inferred(column, {word: "keep"}, why, len(pairs))


def _by_values(column: str, pairs: Sequence[tuple[str, ClaimedRow, Fate]]) -> Inferred | None:
    """Return what the two words of a column mean where nothing is known of the code: every row of
    one, from the first row on, has a better value than all of its rows before, and no row of the
    other has; for at least five rows, with two of each word after the first row, and in one
    direction only. None otherwise."""
    words = list(dict.fromkeys(word for word, _, _ in pairs if word))
    if len(words) != 2 or classify(words[0], normalise(column) or "status", "") != "other":
        return None
    texts = [row.metric if row.value is not None else "" for _, row, _ in pairs]
    statuses: list[StatusClass] = [
        "keep" if word == words[0] else "discard" for word, _, _ in pairs
    ]
    lower, higher = (agreement(texts, statuses, way) for way in ("lower", "higher"))
    both = min(statuses.count("keep") - 1, statuses.count("discard"))
    if len(pairs) < _JUDGED or both < _ROWS or max(lower, higher) < 1 or lower == higher:
        return None
    found: dict[str, StatusClass] = {words[0]: "keep", words[1]: "discard"}
    why = f"each {words[0]} has a better value than those before, and no {words[1]} has"
    return Inferred(column, found, why, len(pairs))


def _bests(pairs: Sequence[tuple[str, ClaimedRow, Fate]]) -> list[bool | None]:
    """Return for each row whether its value is better than those of all rows before that count, by
    the direction that the fates agree with best; None if it has no value or none before counts.

    The first row counts, and those whose code stays; until one of these has a value, so does the
    first row with a value of which it is not known whether its code stays.
    """
    texts = [pair[1].metric for pair in pairs]
    statuses: list[StatusClass] = [
        "keep" if fate == "stays" or n == 0 else "discard" if fate == "gone" else "other"
        for n, (_, _, fate) in enumerate(pairs)
    ]
    low, high = (agreement(texts, statuses, way) for way in ("lower", "higher"))
    sign = 1 if high > low else -1
    found: list[bool | None] = []
    best: float | None = None
    for (_, row, fate), status in zip(pairs, statuses, strict=True):
        value = row.value
        found.append(None if best is None or value is None else sign * (value - best) > 0)
        if value is not None and (status == "keep" or (fate == "" and best is None)):
            best = value if best is None else max(best, value, key=lambda one: sign * one)
    return found


def _count(
    own: Sequence[tuple[str, ClaimedRow, Fate]], *, first: bool, others: Sequence[float | None]
) -> _Tally:
    """Return the tally of the rows of a word. A value that stands for no result elsewhere does not
    count, unless it lies between ``others``."""
    real = [value for value in others if value is not None]
    least, most = min(real, default=0.0), max(real, default=0.0)

    def has_value(row: ClaimedRow) -> bool:
        if row.value is None:
            return False
        return row.value not in SENTINELS or least <= row.value <= most

    return _Tally(
        len(own),
        sum(fate == "stays" for _, _, fate in own),
        sum(fate == "gone" for _, _, fate in own),
        sum(has_value(row) for _, row, _ in own),
        first,
    )


def _show(klass: StatusClass, tally: _Tally, judged: Sequence[bool | None]) -> str:
    """Return in words what shows the class of a word."""
    if klass == "crash":
        return "crash (its rows have no value)"
    if klass == "baseline":
        return "baseline (the first row, without a change of the code)"
    known = tally.stays + tally.gone
    right = tally.stays if klass == "keep" else tally.gone
    words = "stays in the files" if klass == "keep" else "does not stay"
    text = f"{klass} (the code of {right} of {known} such rows {words}"
    better = sum(map(bool, judged))
    good = better if klass == "keep" else len(judged) - better
    kind = "better than" if klass == "keep" else "not better than"
    return text + (f", {good} of {len(judged)} are {kind} all before)" if judged else ")")
