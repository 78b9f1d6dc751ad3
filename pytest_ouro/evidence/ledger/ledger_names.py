"""Recognise the columns of a ledger by their names, and its cells by their words, as different
tools write them."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: The columns of a ledger that we start, in their order; the metric's has the metric's own name.
COLUMNS = ("commit", "metric", "memory_gb", "status", "description")
STATUSES = ("keep", "discard", "crash")

Status = Literal["keep", "discard", "crash", ""]

#: Other names of a column, the most telling first.
_COMMIT = (
    *("commit", "git_commit", "commit_hash", "commit_id", "commit_sha", "git_hash", "git_sha"),
    *("sha", "sha1", "hash", "rev", "revision", "git_rev", "git_revision", "short_sha"),
    *("head_commit", "changeset"),
)
_STATUS = ("status", "outcome", "decision", "verdict", "keep_discard", "kept", "state")
_DESCRIPTION = (
    *("description", "desc", "notes", "note", "comment", "comments", "summary", "message"),
    *("commit_message", "subject", "change", "idea", "hypothesis"),
)
#: Names under which tools write a metric of any name.
_ANY_METRIC = ("metric_after", "metric_value", "value", "score", "metric")
#: Metrics that a header may name where the bound names none.
_USUAL_METRICS = ("val_bpb", "bpb", "val_loss", "loss", "val_acc", "val_accuracy", "accuracy")
#: A pattern is compiled when a row is read: most gates read none.
_pattern = cache(re.compile)
#: Words that a metric's name may or may not have in front of it.
_SPLITS = ("val", "valid", "validation", "eval")
_MEMORY = (
    r"(?:(?:peak|max|gpu|cuda)_)*(?:v?ram|mem|memory)(?:_(?:peak|max|used|usage|allocated))?"
    r"(?:_?([gm])i?b)?|(?:peak|max)_([gm])i?b"
)
#: The first word of a status, by its beginning.
_MEANINGS: tuple[tuple[Status, str], ...] = (
    ("keep", r"kee?p|accept|adopt|retain|improv|(?:new[ _-]?)?best|baseline|champion|promot"),
    ("discard", r"discard|revert|reject|drop|worse|rolled[ _-]?back|rollback|undo|lost\b|loser"),
    ("crash", r"crash|fail|error|oom|time_?out|timed_?out|nan\b|abort|killed|broken"),
)
_NUMBER = r"(?i)[~≈<>=\s]*([-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?)\s*[a-zµ%/]*"
_HASH = r"[0-9a-f]{7,64}(?![0-9a-z])"
#: A commit as ``git describe`` names it: a tag, the number of commits since, and the hash.
_DESCRIBED = r"\S+-\d+-g([0-9a-f]{7,64})(?![0-9a-z])"
#: A cell that stands for no value.
_NOTHING = ("n/a", "na", "nan", "none", "null", "inf")


class Columns(NamedTuple):
    """The position of each known column among all, from 0; None if the ledger has no such column.
    ``megabytes`` is whether the memory is in MB instead of GB."""

    commit: int | None = None
    metric: int | None = None
    memory: int | None = None
    status: int | None = None
    description: int | None = None
    megabytes: bool = False

    @property
    def known(self) -> tuple[int | None, ...]:
        """The positions of commit, metric, memory, status and description, in this order; None for
        a missing column."""
        return self[:5]

    @property
    def unit(self) -> str:
        """The unit of the memory column: "MB" or "GB"."""
        return "MB" if self.megabytes else "GB"


def find_columns(names: Sequence[str], metric: str) -> Columns:
    """Find the known columns among the header's ``names``, in any order, letter case and
    separators; the position of a column that is not found is None. If a column has several
    candidates, the most specific name counts; for the memory, the first column.

    ``metric`` is the name of the bound's metric; if it is "", common names of metrics are tried. A
    column with the name of another metric is not taken for the metric's.
    """
    normal = [normalise(name) for name in names]

    def place(wanted: Sequence[str]) -> int | None:
        """Return the position of the first of the wanted names that a column has; None if none has
        one."""
        return next((normal.index(name) for name in wanted if name in normal), None)

    memory = next((match for name in normal if (match := _pattern(_MEMORY).fullmatch(name))), None)
    return Columns(
        place(_COMMIT),
        place(tuple(_metric_names(metric))),
        normal.index(memory.string) if memory else None,
        place(_STATUS),
        place(_DESCRIPTION),
        megabytes=memory is not None and (memory[1] or memory[2]) == "m",
    )


def _metric_names(metric: str) -> Iterator[str]:
    """Yield the normalised names that the column of this metric may have, the most specific first.
    If ``metric`` is "", yield common names of metrics."""
    if metric:
        name = normalise(metric)
        split = next((one for one in _SPLITS if name.startswith(f"{one}_")), "")
        bare = name.removeprefix(f"{split}_")
        yield from (name, bare, *(f"{one}_{bare}" for one in _SPLITS))
    else:
        yield from _USUAL_METRICS
    yield from _ANY_METRIC


def is_header(cells: Sequence[str], metric: str, *, least: int = 1) -> bool:
    """Return whether the cells of a line are column names: at least two cells, none a value
    (number, hash, status or mark for a missing value), and at least ``least`` of them names of
    known columns. If only one is known, no cell may begin with a word for a status."""
    words = [cell.strip().casefold() for cell in cells]
    if len(cells) < 2 or any(map(_is_value, words)):
        return False
    known = [place for place in find_columns(cells, metric).known if place is not None]
    return len(known) >= least and (len(known) > 1 or not any(map(status_of, words)))


def can_be_names(cells: Sequence[str]) -> bool:
    """Return whether the cells of a line can be names of columns: none is empty or a value (see
    `_is_value`)."""
    words = [cell.strip().casefold() for cell in cells]
    return all(words) and not any(map(_is_value, words))


def is_value(cell: str) -> bool:
    """Return whether a cell is a number or a hash."""
    word = cell.strip().casefold()
    return number_of(word) is not None or bool(commit_of(word))


def _is_value(word: str) -> bool:
    """Return whether a lower-case cell is a value, not a column name: a status, a number that does
    not end with a letter, a hash, or a mark for a missing value such as ``-`` or ``n/a``."""
    sentinel = word in STATUSES or word in _NOTHING or (word and not word.strip("-–—?."))
    number = not word[-1:].isalpha() and number_of(word) is not None
    return number or bool(sentinel or commit_of(word))


@lru_cache(maxsize=1 << 10)
def normalise(name: str) -> str:
    """Return a column name in lower case, with each sequence of other characters than letters,
    digits and ``_`` replaced by one ``_``, and no ``_`` at its ends."""
    return re.sub(r"\W+", "_", name.casefold()).strip("_")


def status_of(text: str) -> Status:
    """Return the status ("keep", "discard" or "crash") that the first word of a cell means, as
    ``reverted`` means "discard", in any letter case; "" if it means none."""
    word = re.sub(r"^[\W_]+", "", text.casefold())
    return next((status for status, pattern in _MEANINGS if _pattern(pattern).match(word)), "")


def number_of(text: str) -> float | None:
    """Return the number in a cell, ignoring a unit or ``%`` after it and a sign such as ``~``
    before it; None for any other text, such as ``-`` or ``nan``, and for a number too large for a
    float."""
    match = _pattern(_NUMBER).fullmatch(text.strip())
    value = float(match[1]) if match else None
    return value if value is not None and abs(value) < float("inf") else None


def commit_of(text: str) -> str:
    """Return the commit hash that a cell begins with, in lower case: 7 to 64 hexadecimal digits,
    not followed by a letter or digit; or the hash in what ``git describe`` prints, as in
    ``v1.2-3-g1a2b3c4``; "" if there is none."""
    word = text.strip().lower()
    if match := _pattern(_HASH).match(word):
        return match[0]
    described = _pattern(_DESCRIBED).match(word) if "-g" in word else None
    return described[1] if described else ""
