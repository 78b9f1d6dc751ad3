"""The files that may be the ledger of a loop: by their names, or by what they hold and how often
commits change them."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.core import limits
from pytest_ouro.core.errors import GitError, LimitError, OuroError
from pytest_ouro.evidence.claims.ledger_file import LedgerFile, read_disk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_ouro.evidence.claims.commits import History

_TABLE = re.compile(
    r"(?i).*(?:result|ledger|experiment|runs?\b|log).*\.(?:tsv|csv|jsonl|ndjson|md|txt)"
)
_DATA = re.compile(r"(?i).*\.(?:tsv|csv|jsonl|ndjson)")
#: Files of text that can be a table whatever they are called.
_TEXT = re.compile(r"(?i).*\.(?:tsv|csv|tab|psv|jsonl|ndjson|json|md|txt|log|dat)|[^.]+")
#: Folders of a working tree in which no ledger is looked for.
_NOT_IN = {".git", ".venv", "venv", "node_modules", "__pycache__", "site-packages", "data", "cache"}
#: How many files of usual names, and of others, are tried, how deep in the working tree they are
#: looked for, and how many names there are looked at.
_MOST, _MOST_OTHERS, _DEEP, _NAMES = 40, 60, 6, 20_000
#: The bytes by which a file is first judged, and how large one without a usual name may be.
_HEAD, _LARGEST = 4096, 4 << 20
#: How often commits have to change a file of the history without a usual name.
_OFTEN = 2


class _Named(NamedTuple):
    """A path, and whether it has a name that ledgers have."""

    path: str
    usual: bool


def candidates(history: History, top: Path | None) -> Iterator[LedgerFile | LimitError]:
    """Yield the files that may be the ledger (see `_first`), in the working tree ``top`` (None:
    there is none) and in the last commit, or the error that one is too large. A file of the working
    tree is yielded as in the last commit, too, only if it is longer there. A file that cannot be
    read is left out. Raise LimitError if a commit's trees are too large."""
    seen: set[str] = set()
    for path, usual in _on_disk(top) if top else ():
        if not usual and not _head_is_table(top / path if top else Path(path)):
            continue
        try:
            file = LedgerFile(path, read_disk(top / path if top else Path(path)), "working tree")
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
    found = (path for path in tree if not tree[path].is_submodule)
    for path, usual in _first(path for path in _named(found, history)):
        if path in seen and not _is_longer(history, path, top):
            continue
        try:
            data = history.git.store.read(tree[path].blob, limit=limits.LEDGER, path=path)
        except LimitError as error:
            yield error
        except GitError:
            continue
        else:
            if usual or looks_like_table(data[:_HEAD]):
                yield LedgerFile(path, data, "last commit", history.head)


def earlier(history: History) -> Iterator[LedgerFile | LimitError]:
    """Yield the last version of each file that a commit of the history added, changed or deleted
    and that may be a ledger, or the error that it is too large: those of the latest commits first,
    at most 101 files. Files that the last commit still has are yielded too. Raise LimitError if a
    commit's trees are too large."""
    seen: set[str] = set()
    for step in reversed(history.steps):
        for path, usual in _named(history.changes(step), history):
            if path in seen or len(seen) > _MOST + _MOST_OTHERS:
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
                if usual or looks_like_table(data[:_HEAD]):
                    yield LedgerFile(path, data, "earlier commit", holder)


def looks_like_table(head: bytes) -> bool:
    """Return whether the first bytes of a file look like those of a table: they are text that
    begins with ``{`` or ``[``, or at least two lines, and half of the first 20, have a tab, or two
    or more of one of ``;``, ``|``, ``,`` and double blanks. Blank lines do not count."""
    if head.count(0) > 40 and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    text = head.replace(b"\0", b"").decode("utf-8", "replace")
    lines = [line for line in text.splitlines() if line.strip()][:20]
    if text.lstrip().startswith(("{", "[")):
        return True
    for sign, least in (("\t", 1), (";", 2), ("|", 2), (",", 2), ("  ", 2)):
        counts = [line.count(sign) for line in lines if line.count(sign) >= least]
        if len(counts) >= 2 and 2 * len(counts) >= len(lines):
            return True
    return False


def _head_is_table(path: Path) -> bool:
    """Return whether a file on the disk begins like a table, is regular and has at most 4 MiB.
    False for a link, and if it cannot be read."""
    try:
        if not path.is_file() or path.is_symlink() or path.stat().st_size > _LARGEST:
            return False
        with path.open("rb") as file:
            return looks_like_table(file.read(_HEAD))
    except OSError:
        return False


def _named(paths: Iterable[str], history: History) -> Iterator[_Named]:
    """Yield those of the paths that may be ledgers, in their order: those with a usual name (see
    `_is_usual`), other tables, such as ``.csv``, and other files of text that at least two commits
    of the history change."""
    for path in paths:
        if _is_usual(path):
            yield _Named(path, usual=True)
        elif _TEXT.fullmatch(posixpath.basename(path)) and (
            _DATA.fullmatch(path) or history.times_changed.get(path, 0) >= _OFTEN
        ):
            yield _Named(path, usual=False)


def _first(found: Iterable[_Named]) -> list[_Named]:
    """Return those to try: at most 40 with a usual name, then at most 60 others; of each, those
    near the top first."""
    ordered = sorted(found, key=lambda one: (not one.usual, one.path.count("/"), one.path))
    usual = [one for one in ordered if one.usual]
    return usual[:_MOST] + ordered[len(usual) :][:_MOST_OTHERS]


def _is_usual(path: str) -> bool:
    """Return whether a path has a name that ledgers have, such as ``results.md``, or is a ``.tsv``,
    ``.csv``, ``.jsonl`` or ``.ndjson`` file at most one folder deep."""
    name = posixpath.basename(path)
    return bool(_TABLE.fullmatch(name)) or (path.count("/") <= 1 and bool(_DATA.fullmatch(name)))


def _is_longer(history: History, path: str, top: Path | None) -> bool:
    """Return whether a ledger has more bytes in the last commit than on the disk. False if the
    commit does not have it, or one of them cannot be read."""
    entry = history.entry(history.head, path)
    try:
        size = (top / path).stat().st_size if top else 0
        return bool(entry) and len(history.git.store.read(entry.blob)) > size if entry else False
    except (OSError, GitError, LimitError):
        return False


def _on_disk(top: Path) -> list[_Named]:
    """Return the paths, from ``top``, of files that may be a ledger by their names, as `_first`
    chooses and orders them. Folders more than 6 deep, and those such as ``data`` and ``.venv``, are
    left out, and the search ends after about 20 000 names."""
    found: list[_Named] = []
    left = _NAMES
    for folder, folders, names in os.walk(top):
        here = os.path.relpath(folder, top)
        depth = 0 if here == "." else here.count(os.sep) + 1
        folders[:] = sorted(f for f in folders if f not in _NOT_IN) if depth < _DEEP else []
        paths = [name if here == "." else f"{here}/{name}" for name in sorted(names)]
        found += [_Named(path, usual=True) for path in paths if _is_usual(path)]
        found += [
            _Named(path, usual=False)
            for path in paths
            if not _is_usual(path) and _TEXT.fullmatch(posixpath.basename(path))
        ]
        left -= len(names)
        if left < 0:
            break
    return _first(found)
