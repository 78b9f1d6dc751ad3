"""The history of the ledger itself: which commit added each row, and which took rows back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.core import limits
from pytest_ouro.core.errors import GitError, LimitError
from pytest_ouro.evidence.claims.ledger_file import LedgerFile
from pytest_ouro.evidence.claims.rows import ClaimedRow, read_rows
from pytest_ouro.evidence.ledger.markdown_tables import is_ruler

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ouro.evidence.claims.columns import Found
    from pytest_ouro.evidence.claims.commits import History, Step
    from pytest_ouro.evidence.ledger.ledger import Ledger

#: What identifies a row in different versions of a ledger: its commit cell, metric and description.
Key = tuple[str, str, str]


class Version(NamedTuple):
    """The ledger as a commit has it. ``rows`` are () and ``gone`` is True if the commit deleted
    it."""

    step: Step
    rows: tuple[ClaimedRow, ...]
    gone: bool = False


def key_of(row: ClaimedRow) -> Key:
    """Return what a row is recognised by in another version of the ledger: its commit cell, metric
    and description."""
    return row.cell, row.metric, row.description


def read_versions(history: History, path: str, metric: str, found: Found) -> tuple[Version, ...]:
    """Return the versions of the ledger at ``path`` on the way to the head of ``history``, one for
    each commit that changed or deleted it, oldest first; () if no commit has it. If a merge only
    takes over what its branch logged, the way leads through that branch. A version that cannot be
    read is left out.

    ``metric`` is the name of the metric. ``found`` has the names of the ledger's columns that do
    not have a usual name.
    """
    return tuple(_versions(history, path, metric, found))


def _versions(history: History, path: str, metric: str, found: Found) -> Iterator[Version]:
    """Yield what `read_versions` returns."""
    known: dict[str, tuple[ClaimedRow, ...]] = {}
    lines = _Lines(path, metric, found)
    before = ""
    for step, blob in _Line(history, path).read():
        if blob == before:
            continue
        before = blob
        if not blob:
            yield Version(step, (), gone=True)
            continue
        if blob not in known:
            try:
                data = history.git.store.read(blob, limit=limits.LEDGER, path=path)
            except (GitError, LimitError):
                continue
            known[blob] = lines.read(data)
        yield Version(step, known[blob])


class _Line:
    """Finds the commits through which the head of a history came to have the file at ``path``: a
    line of parents, as `_parent` chooses them."""

    def __init__(self, history: History, path: str) -> None:
        self._history, self._path = history, path
        self._main = {step.id for step in history.branch}

    def read(self) -> list[tuple[Step, str]]:
        """Return all commits of the line, oldest first, each with the id of the file in it ("":
        absent)."""
        line, one = [], self._history.head
        while one in self._history.by_id:
            step = self._history.by_id[one]
            line.append((step, self._blob(one)))
            one = self._parent(step)
        return line[::-1]

    def _blob(self, commit: str) -> str:
        """Return the id of the file in a commit; "" if it is absent."""
        entry = self._history.entry(commit, self._path)
        return "" if entry is None or entry.is_submodule else entry.blob

    def _parent(self, step: Step) -> str:
        """Return the parent by which a commit has the file: the first parent; or, if a merge took
        the file from another parent whose branch had continued the first parent's version, that
        other one."""
        blob, before = self._blob(step.id), self._blob(step.parent)
        if blob == before:
            return step.parent
        others = (one for one in step.parents[1:] if self._blob(one) == blob)
        return next((one for one in others if self._goes_on(one, before)), step.parent)

    def _goes_on(self, commit: str, blob: str) -> bool:
        """Return whether a commit, or one of its first parents down to the main line, has the file
        with the id ``blob`` ("": absent, as it is before the first commit)."""
        while commit in self._history.by_id:
            if self._blob(commit) == blob:
                return True
            if commit in self._main:
                return False
            commit = self._history.by_id[commit].parent
        return not blob


class _Lines:
    """Reads versions of one ledger. Where the format allows it, a version that only appends to the
    one before is read from there on."""

    def __init__(self, path: str, metric: str, found: Found) -> None:
        self._path, self._metric, self._found = path, metric, found
        self._data, self._rows = b"", tuple[ClaimedRow, ...]()
        self._head, self._count = b"", 0

    def read(self, data: bytes) -> tuple[ClaimedRow, ...]:
        """Return the rows of a version."""
        start = self._data
        if start and start.endswith(b"\n") and data.startswith(start) and self._head:
            new = self._head + data[len(start) :]
            offset = start.count(b"\n") - self._head.count(b"\n")
            added = [row._replace(line=row.line + offset) for row in self._parse(new)]
            self._rows = (*self._rows, *added)
        else:
            self._rows = self._parse(data)
            ledger = LedgerFile(self._path, data, "earlier commit").parse(self._metric)
            self._head = _header(ledger, data)
        self._data = data
        return self._rows

    def _parse(self, data: bytes) -> tuple[ClaimedRow, ...]:
        """Return the rows in these bytes."""
        read = LedgerFile(self._path, data, "earlier commit").parse(self._metric)
        return read_rows(read, self._metric, self._found).rows


def _header(ledger: Ledger, data: bytes) -> bytes:
    """Return the bytes of the lines up to the header, including it and the ruler that a Markdown
    table has below it, of a ledger with one table; b"" for a ledger with several tables, without a
    header, or with commas between its cells, where a row may have several lines."""
    table = ledger.table
    lines = {row.table.line for row in ledger.rows}
    if table is None or table.line == 0 or lines - {table.line} or table.format.separator == ",":
        return b""
    above = data.splitlines(keepends=True)[: table.line + 1]
    return b"".join(above if is_ruler(above[-1].decode(errors="replace")) else above[: table.line])


def added_by(versions: Sequence[Version]) -> dict[Key, Step]:
    """Return the commit that first added each row of the ledger, by the row's key. ``versions`` are
    the versions of the ledger, oldest first; a row that was removed and added again has its first
    commit."""
    found: dict[Key, Step] = {}
    before: tuple[ClaimedRow, ...] = ()
    for version in versions:
        same = version.rows[: len(before)] == before  # the same objects, mostly
        for row in version.rows[len(before) if same else 0 :]:
            found.setdefault(key_of(row), version.step)
        before = version.rows
    return found
