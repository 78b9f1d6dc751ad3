"""Find the ledger of a loop: in the working tree, in the last commit, or in an earlier one."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.core import limits
from pytest_ouro.core.errors import LimitError
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.finding import count
from pytest_ouro.evidence.claims.candidates import candidates, earlier
from pytest_ouro.evidence.claims.columns import are_words, counts_rows, read_columns
from pytest_ouro.evidence.claims.columns import find as find_named
from pytest_ouro.evidence.claims.ledger_file import LedgerFile, read_disk
from pytest_ouro.evidence.ledger.ledger_names import commit_of, find_columns, number_of
from pytest_ouro.evidence.ledger.metric_names import named_direction
from pytest_ouro.messages import records as messages

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from pytest_ouro.evidence.claims.commits import History
    from pytest_ouro.evidence.ledger.ledger import Ledger
    from pytest_ouro.evidence.ledger.ledger_names import Columns

#: How many commits that change a table show that a loop writes it, and how many of its cells have
#: to name commits of the repository.
_WRITTEN, _LINKED = 3, 2


def read_given(path: str, history: History, top: Path | None) -> LedgerFile:
    """Return the ledger that the user named by ``path``: a file on the disk, from the current
    folder or from ``top``, or a path of the last commit or of an earlier one. Without a ``top``,
    as for an older revision, a file of the last commit goes before one of the disk. Raise
    RecordError if there is none, or it cannot be read from the disk, GitError if it cannot be read
    from a commit, LimitError if it is too large."""
    if top is None and (file := _in_commit(history, path)):
        return file
    for folder in filter(None, (Path.cwd(), top)):
        place = folder / path
        if place.is_file():
            data = read_disk(place)
            inside = top is not None and place.resolve().is_relative_to(top.resolve())
            name = os.path.relpath(place.resolve(), top.resolve()) if inside and top else path
            return LedgerFile(
                Path(name).as_posix(), data, "working tree" if inside else "given file"
            )
    if found := _in_commit(history, path) or _last_version(history, path):
        return found
    raise messages.no_ledger_at(path)


def find(
    history: History, top: Path | None, folder: str = "", without: Container[str] = ()
) -> tuple[LedgerFile | None, tuple[str, ...]]:
    """Return a tuple: the most likely ledger (see `_rank`) of the files in the working tree ``top``
    (None: there is no working tree) and in the last commit, None if nothing looks like a ledger;
    and, in words, the files that look like one and are too large. Files of earlier commits are
    tried too if no file is surely a ledger. Of those that are sure, or of the others, one in
    ``folder``, relative to the repository's top, goes first. The paths ``without`` do not count on
    the disk. Raise LimitError if a commit's trees are too large."""
    faults: list[str] = []
    on_disk = (
        one
        for one in candidates(history, top)
        if isinstance(one, LimitError) or one.commit or one.path not in without
    )
    found = list(_readable(on_disk, history, faults))
    if not any(one.sure for one in found):
        found += _readable(earlier(history), history, faults)
    best = max(found, key=lambda one: _rank(one, folder), default=None)
    return (best.file if best else None), tuple(dict.fromkeys(faults))


class _Candidate(NamedTuple):
    """A file that can be the ledger, what was read of it, and the positions of its known columns.
    ``sure`` is whether its columns, or commits of the history, show that it is a ledger; a file
    that is not ``sure`` is used only if there is no sure one. ``linked`` is the number of commits
    that its cells name, ``settles`` whether it has a column of words that tell its rows apart."""

    file: LedgerFile
    read: Ledger
    columns: Columns
    sure: bool
    linked: int
    settles: bool


def _readable(
    files: Iterable[LedgerFile | LimitError], history: History, faults: list[str]
) -> Iterator[_Candidate]:
    """Yield those of the files that can be the ledger, as `_read` returns them. The messages of
    errors are added to ``faults``."""
    for file in files:
        if isinstance(file, LimitError):
            faults.append(file.message)
            continue
        marked = file.data.startswith((b"\xff\xfe", b"\xfe\xff"))
        if file.data[:4096].count(0) > 40 and not marked:
            continue
        if found := _read(file, history):
            yield found


def _read(file: LedgerFile, history: History) -> _Candidate | None:
    """Return a file as a candidate; None if it has no row, or nothing of a ledger."""
    read = file.parse()
    if read.table is None or not read.rows:
        return None
    cells = read_columns(read)
    names = list(cells)
    columns = find_named(read).complete(names, find_columns(names, ""))
    metric = columns.metric is not None
    sure = (columns.commit is not None and (metric or columns.status is not None)) or (
        columns.status is not None and (metric or len(names) > 2)
    )
    linked = _count_linked(cells, columns, history)
    settles = any(
        are_words(texts) and len({text for text in texts if text}) > 1
        for place, (name, texts) in enumerate(cells.items())
        if name and place not in (columns.commit, columns.description, columns.metric)
    )
    times = history.times_changed.get(file.path, 0)
    why = []
    if not sure and _measures(cells, columns):
        if linked >= _LINKED:
            why.append(f"its cells name {count(linked, 'commit')} of this repository")
        if times >= _WRITTEN and (settles or columns.description is not None):
            why.append(f"{count(times, 'commit')} of the history add to it")
    if why:
        file = replace(file, why=", ".join([*why, "and it has a column of numbers"]))
    likely = _names_many(cells, columns) and (settles or columns.description is not None)
    likely = likely and _measures(cells, columns)
    if not (sure or why or likely or _is_list_of_results(cells, columns)):
        return None
    return _Candidate(file, read, columns, sure or bool(why), linked, settles)


def _count_linked(cells: Mapping[str, Sequence[str]], columns: Columns, history: History) -> int:
    """Return how many commits of the repository the cells of the column of commits name; 0 without
    such a column."""
    if columns.commit is None:
        return 0
    texts = cells[list(cells)[columns.commit]]
    return len(set(history.resolve({commit_of(text) for text in texts} - {""}).values()))


def _names_many(cells: Mapping[str, Sequence[str]], columns: Columns) -> bool:
    """Return whether at least three cells, and most, of the column of commits are different hashes,
    also of commits that a squash or a reset left behind."""
    if columns.commit is None:
        return False
    texts = cells[list(cells)[columns.commit]]
    hashes = {commit_of(text) for text in texts} - {""}
    return len(hashes) >= 3 and 2 * len(hashes) > len(texts)


def _measures(cells: Mapping[str, Sequence[str]], columns: Columns) -> bool:
    """Return whether a column other than that of commits has mostly numbers, at least two different
    ones, that do not count the rows."""
    for place, texts in enumerate(cells.values()):
        numbers = [number_of(text) for text in texts if not commit_of(text) or "." in text]
        values = [value for value in numbers if value is not None]
        if place == columns.commit or 2 * len(values) <= len(texts):
            continue
        if len(set(values)) > 1 and not counts_rows(texts):
            return True
    return False


def _is_list_of_results(cells: Mapping[str, Sequence[str]], columns: Columns) -> bool:
    """Return whether a table without a status lists results. It must have a column of mostly
    numbers whose name says whether lower or higher is better, such as ``loss``. With a column of
    commits, at least half of its cells must be hashes; without one, the table must have at least
    three rows, most of them with a description of their own, and no column that counts the rows:
    that would be the curve of one run."""
    names = list(cells)
    measures = any(
        named_direction(name)
        and sum(number_of(text) is not None for text in texts) > len(texts) / 2
        for name, texts in cells.items()
    )
    if not measures:
        return False
    if columns.commit is not None:
        hashes = sum(bool(commit_of(text)) for text in cells[names[columns.commit]])
        return 2 * hashes >= len(cells[names[columns.commit]])
    if columns.description is None or any(map(counts_rows, cells.values())):
        return False
    words = cells[names[columns.description]]
    return len(words) >= 3 and len(set(words) - {""}) >= 0.8 * len(words)


def _rank(
    found: _Candidate, folder: str
) -> tuple[bool, bool, bool, bool, int, bool, int, int, bool]:
    """Return what candidates are compared by, of which the largest is the ledger: whether it is
    sure, whether it lies in ``folder``, whether it has both commits and statuses (or other words
    that tell rows apart), whether such words tell its rows apart or few of its commits are known,
    the number of its rows up to 3, whether its name contains ``result``, the number of its known
    columns, the number of its rows, and whether it is another file than a Markdown text, which may
    report what is in another one."""
    file, read, columns, sure, linked, settles = found
    known = sum(place is not None for place in columns.known)
    rows = sum(bool(row.cells) for row in read.rows)
    named = "result" in posixpath.basename(file.path).lower()
    both = columns.commit is not None and (columns.status is not None or settles)
    inside = not folder or file.path.startswith(f"{folder}/")
    tells = both and (settles or columns.status is None or linked < _LINKED)
    return (
        sure,
        inside,
        both,
        tells,
        min(rows, 3),
        named,
        known,
        rows,
        not file.path.endswith(".md"),
    )


def _in_commit(history: History, path: str) -> LedgerFile | None:
    """Return the file of the last commit; None if it has none. Raise GitError if it cannot be read,
    LimitError if it is too large."""
    entry = history.entry(history.head, path)
    if entry is None or entry.is_submodule:
        return None
    data = history.git.store.read(entry.blob, limit=limits.LEDGER, path=path)
    return LedgerFile(path, data, "last commit", history.head)


def _last_version(history: History, path: str) -> LedgerFile | None:
    """Return the last version of a file that any commit of the history has; None if none has. Raise
    GitError if it cannot be read, LimitError if it is too large."""
    for step in reversed(history.steps):
        if path in history.changes(step):
            for commit in (step.id, step.parent):
                if entry := history.entry(commit, path):
                    data = history.git.store.read(entry.blob, limit=limits.LEDGER, path=path)
                    return LedgerFile(path, data, "earlier commit", commit)
    return None
