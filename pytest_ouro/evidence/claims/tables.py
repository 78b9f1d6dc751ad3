"""Find the ledger of a loop: in the working tree, in the last commit, or in an earlier one."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_ouro.core import limits
from pytest_ouro.core.errors import GitError, LimitError, OuroError
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.claims.columns import counts_rows, read_columns
from pytest_ouro.evidence.claims.columns import find as find_named
from pytest_ouro.evidence.content import read_regular
from pytest_ouro.evidence.ledger import ledger as ledgers
from pytest_ouro.evidence.ledger.ledger_names import commit_of, find_columns, number_of
from pytest_ouro.evidence.ledger.metric_names import named_direction
from pytest_ouro.messages import records as messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_ouro.evidence.claims.commits import History
    from pytest_ouro.evidence.ledger.ledger import Ledger
    from pytest_ouro.evidence.ledger.ledger_names import Columns

Place = Literal["working tree", "last commit", "earlier commit", "given file"]

_TABLE = re.compile(
    r"(?i).*(?:result|ledger|experiment|runs?\b|log).*\.(?:tsv|csv|jsonl|ndjson|md|txt)"
)
_DATA = re.compile(r"(?i).*\.(?:tsv|csv|jsonl|ndjson)")
#: Folders of a working tree in which no ledger is looked for.
_NOT_IN = {".git", ".venv", "venv", "node_modules", "__pycache__", "site-packages", "data", "cache"}
#: How many files are tried, and how deep in the working tree they are looked for.
_MOST, _DEEP = 40, 3


@dataclass(frozen=True)
class LedgerFile:
    """A ledger that was found: its path in the repository, its bytes, the kind of place where it
    was found, and the full id of the commit that has it ("" for a file on the disk)."""

    path: str
    data: bytes
    place: Place
    commit: str = ""

    def parse(self, metric: str = "") -> Ledger:
        """Return the ledger; ``metric`` is the name of the metric ("": unknown)."""
        return ledgers.parse(self.data, Path(self.path), metric)


def read_given(path: str, history: History, top: Path | None) -> LedgerFile:
    """Return the ledger that the user named by ``path``: a file on the disk, from the current
    folder or from ``top``, or a path of the last commit or of an earlier one. Raise RecordError if
    there is none, or it cannot be read, LimitError if it is too large."""
    for folder in filter(None, (Path.cwd(), top)):
        place = folder / path
        if place.is_file():
            data = _read_disk(place)
            inside = top is not None and place.resolve().is_relative_to(top.resolve())
            name = os.path.relpath(place.resolve(), top.resolve()) if inside and top else path
            return LedgerFile(
                Path(name).as_posix(), data, "working tree" if inside else "given file"
            )
    entry = history.entry(history.head, path)
    if entry:
        data = history.git.store.read(entry.blob, limit=limits.LEDGER, path=path)
        return LedgerFile(path, data, "last commit", history.head)
    if found := _last_version(history, path):
        return found
    raise messages.no_ledger_at(path)


def find(history: History, top: Path | None) -> tuple[LedgerFile | None, tuple[str, ...]]:
    """Return a tuple: the most likely ledger (see `_rank`) of the files in the working tree ``top``
    (None: there is no working tree) and in the last commit, None if nothing looks like a ledger;
    and, in words, the files that look like one and cannot be read. Files of earlier commits are
    tried too if no file is surely a ledger."""
    faults: list[str] = []
    found = list(_readable(_candidates(history, top), faults))
    if not any(one.sure for one in found):
        found += _readable(_earlier(history), faults)
    best = max(found, key=_rank, default=None)
    return (best.file if best else None), tuple(dict.fromkeys(faults))


class _Candidate(NamedTuple):
    """A file that can be the ledger, what was read of it, and the positions of its known columns.
    ``sure`` is whether these are the columns of a ledger; a file that is not ``sure`` is used only
    if there is no sure one."""

    file: LedgerFile
    read: Ledger
    columns: Columns
    sure: bool


def _readable(files: Iterable[LedgerFile | LimitError], faults: list[str]) -> Iterator[_Candidate]:
    """Yield those of the files that have rows and the columns of a ledger or of a list of results
    (see `_is_list_of_results`). The messages of errors are added to ``faults``."""
    for file in files:
        if isinstance(file, LimitError):
            faults.append(file.message)
            continue
        marked = file.data.startswith((b"\xff\xfe", b"\xfe\xff"))
        if file.data[:4096].count(0) > 40 and not marked:
            continue
        read = file.parse()
        if read.table is None or not read.rows:
            continue
        cells = read_columns(read)
        names = list(cells)
        columns = find_named(read).complete(names, find_columns(names, ""))
        metric = columns.metric is not None
        sure = (columns.commit is not None and (metric or columns.status is not None)) or (
            columns.status is not None and (metric or len(names) > 2)
        )
        if sure or _is_list_of_results(cells, columns):
            yield _Candidate(file, read, columns, sure)


def _is_list_of_results(cells: Mapping[str, Sequence[str]], columns: Columns) -> bool:
    """Return whether a table without a status lists results: it has a column of numbers whose name
    says whether lower or higher is better, such as ``loss``, and names commits, or describes each
    row in words of its own. A table without commits whose rows are numbered is taken for the curve
    of one run."""
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


def _rank(found: _Candidate) -> tuple[bool, bool, int, bool, int, int]:
    """Return what candidates are compared by, of which the largest is the ledger: whether it is
    sure, whether it has both commits and statuses, the number of its rows up to 3, whether its name
    contains ``result``, the number of its known columns, and the number of its rows."""
    file, read, columns, sure = found
    known = sum(place is not None for place in columns.known)
    rows = sum(bool(row.cells) for row in read.rows)
    named = "result" in posixpath.basename(file.path).lower()
    both = columns.commit is not None and columns.status is not None
    return sure, both, min(rows, 3), named, known, rows


def _candidates(history: History, top: Path | None) -> Iterator[LedgerFile | LimitError]:
    """Yield the files that may be the ledger, in the working tree and in the last commit, or the
    error that one is too large. A file of the working tree is yielded as in the last commit, too,
    only if it is longer there."""
    seen: set[str] = set()
    for path in _on_disk(top) if top else ():
        try:
            file = LedgerFile(path, _read_disk(top / path if top else Path(path)), "working tree")
        except LimitError as error:
            yield error
            continue
        except OuroError:
            continue
        seen.add(path)
        yield file
    try:
        tree = history.git.tree(history.head)
    except (GitError, LimitError):
        return
    named = [path for path in tree if _is_named(path) and not tree[path].is_submodule]
    for path in sorted(named, key=lambda path: (path.count("/"), path))[:_MOST]:
        if path in seen and not _is_longer(history, path, top):
            continue
        try:
            data = history.git.store.read(tree[path].blob, limit=limits.LEDGER, path=path)
        except LimitError as error:
            yield error
        except GitError:
            continue
        else:
            yield LedgerFile(path, data, "last commit", history.head)


def _is_longer(history: History, path: str, top: Path | None) -> bool:
    """Return whether the file at ``path`` has more bytes in the last commit than on the disk; False
    if it cannot be read."""
    entry = history.entry(history.head, path)
    try:
        size = (top / path).stat().st_size if top else 0
        return bool(entry) and len(history.git.store.read(entry.blob)) > size if entry else False
    except (OSError, GitError, LimitError):
        return False


def _is_named(path: str) -> bool:
    """Return whether a path has a name that ledgers have, or is a table near the top."""
    name = posixpath.basename(path)
    return bool(_TABLE.fullmatch(name)) or (path.count("/") <= 1 and bool(_DATA.fullmatch(name)))


def _on_disk(top: Path) -> list[str]:
    """Return the paths, from ``top``, of files that may be a ledger, those near the top first."""
    found: list[str] = []
    for folder, folders, names in os.walk(top):
        here = os.path.relpath(folder, top)
        depth = 0 if here == "." else here.count(os.sep) + 1
        folders[:] = sorted(f for f in folders if f not in _NOT_IN) if depth < _DEEP else []
        paths = [name if here == "." else f"{here}/{name}" for name in sorted(names)]
        found += [path for path in paths if _is_named(path)]
        if len(found) > 10 * _MOST:
            break
    return sorted(found, key=lambda path: (path.count("/"), path))[:_MOST]


def _read_disk(path: Path) -> bytes:
    """Return the bytes of a ledger on the disk. Raise LimitError if it is too large, RecordError if
    it cannot be read."""
    try:
        return read_regular(str(path), limits.LEDGER)
    except OSError as error:
        raise messages.unreadable_ledger(path, str(error.strerror)) from None


def _earlier(history: History) -> Iterator[LedgerFile | LimitError]:
    """Yield the last version of each file with the name of a ledger that commits of the history
    added, changed or deleted, or the error that it is too large. Used where the last commit has no
    ledger."""
    seen: set[str] = set()
    for step in reversed(history.steps):
        for path in history.changes(step):
            if path in seen or not _is_named(path) or len(seen) > _MOST:
                continue
            seen.add(path)
            entry = history.entry(step.id, path) or history.entry(step.parent, path)
            if entry is None or entry.is_submodule:
                continue
            holder = step.id if history.entry(step.id, path) else step.parent
            try:
                data = history.git.store.read(entry.blob, limit=limits.LEDGER, path=path)
            except LimitError as error:
                yield error
            except GitError:
                continue
            else:
                yield LedgerFile(path, data, "earlier commit", holder)


def _last_version(history: History, path: str) -> LedgerFile | None:
    """Return the last version of a file that any commit of the history has; None if none has."""
    for step in reversed(history.steps):
        if path in history.changes(step):
            for commit in (step.id, step.parent):
                if entry := history.entry(commit, path):
                    data = history.git.store.read(entry.blob, limit=limits.LEDGER, path=path)
                    return LedgerFile(path, data, "earlier commit", commit)
    return None
