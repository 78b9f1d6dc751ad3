"""Find and hash the data files of an experiment, outside git."""

from __future__ import annotations

import hashlib
from fnmatch import fnmatchcase
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.plain_file import make_folder, write_whole
from pytest_ouro.evidence.content import read_own
from pytest_ouro.messages import git as messages

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Files below this many bytes are hashed every time.
_SMALL = 1 << 20


def matched(patterns: Iterable[str], root: Path) -> list[Path]:
    """Return the files that any of the patterns matches, as `files` finds them: each once, sorted.
    [] without patterns; RuntimeError as in `files`."""
    return sorted({path for pattern in patterns for path in files(pattern, root)})


def missing(patterns: tuple[str, ...], root: Path) -> list[str]:
    """Return those of the patterns that match no file, as `files` finds them; [] if each matches
    one. RuntimeError as in `files`."""
    return [pattern for pattern in patterns if not files(pattern, root)]


def files(pattern: str, root: Path) -> list[Path]:
    """Return the files that a pattern (a glob, ``~`` allowed, absolute or relative to ``root``)
    matches, sorted; [] if there are none. They are regular files, or links to such. Hidden files,
    which a glob leaves out, are added as `_hidden_siblings` finds them. RuntimeError if the home
    that ``~`` stands for is unknown."""
    whole = str(root / Path(pattern).expanduser())
    found = {path for path in map(Path, glob(whole, recursive=True)) if path.is_file()}
    return sorted(found | _hidden_siblings(found, Path(whole).name))


def _hidden_siblings(found: set[Path], last: str) -> set[Path]:
    """Return files with a hidden name that ``last``, the last part of the pattern, matches if its
    wildcards may stand for the first dot. They are in the same folder as a file in ``found`` and
    have its suffix: code that lists a folder by suffix would read them.

    An empty set if ``last`` does not begin with a wildcard, or no file in ``found`` has a suffix.
    """
    if not last.startswith(("*", "?")):  # the pattern cannot match a hidden name
        return set()
    kinds = {(path.parent, path.suffix) for path in found if path.suffix}
    return {
        path
        for folder, suffix in kinds
        for path in folder.glob(f".*{suffix}")
        if fnmatchcase(path.name, last) and path.is_file()
    }


def name(path: Path, root: Path) -> str:
    """Return the name of a data file in bound.lock: its path relative to ``root`` if it is below
    that, else ``~/…`` if it is in the home folder, else ``path`` as it is. RuntimeError if the home
    is unknown, for any path."""
    for base, prefix in ((root, ""), (Path.home(), "~/")):
        if path.is_relative_to(base):
            return prefix + path.relative_to(base).as_posix()
    return path.as_posix()


@dataclass(frozen=True)
class State:
    """The metadata of a file, which the file system gives without reading its bytes. Times are in
    nanoseconds."""

    inode: int
    size: int
    mtime: int
    ctime: int
    links: int

    def written_since(self, before: State) -> bool:
        """Return whether the file was written, renamed or replaced since ``before`` was taken, even
        if its bytes or its mtime were restored.

        If only ctime differs, that counts unless the number of hard links differs too: a new or
        removed hard link changes ctime, and backups make hard links.
        """
        if (self.inode, self.size, self.mtime) != (before.inode, before.size, before.mtime):
            return True
        return self.ctime != before.ctime and self.links == before.links


def states(patterns: tuple[str, ...], root: Path) -> dict[Path, State]:
    """Return the state of every file that the patterns match, of a link that of its target, by its
    path; {} if there are none. OSError if one cannot be looked at; RuntimeError as in `files`."""
    return {path: _state(path) for path in matched(patterns, root)}


def _state(path: Path) -> State:
    """Return the state of a file, of a link that of its target; OSError if it cannot be looked
    at."""
    stat = path.stat()
    return State(stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_nlink)


@dataclass(frozen=True)
class Fingerprints:
    """Computes sha256 of data files. The digest of a file of 1 MiB or more is cached in the JSON
    file ``memory`` and used again while size, mtime, ctime and inode are the same. With ``rehash``
    every file is read, and the cache is only written."""

    memory: Path
    rehash: bool = False

    def of(self, paths: list[Path]) -> dict[Path, str]:
        """Return ``sha256:…`` of each file's bytes, by path; new digests of large files are cached,
        if the cache can be written. OuroError if a file cannot be read."""
        known = {} if self.rehash else self._read()
        before = dict(known)
        try:
            found = {path: _digest(path, known) for path in paths}
        except OSError as error:
            why = error.strerror or str(error)
            raise messages.unreadable_file(error.filename or "the data", why) from None
        if known != before:
            self._write(known)
        return found

    def total(self, patterns: tuple[str, ...], root: Path) -> str:
        """Return one sha256 (hexadecimal) over the names and contents of all matched files, that of
        no bytes if none matches; "" if ``patterns`` is empty. OuroError if a file cannot be read;
        RuntimeError as in `files` and `name`."""
        if not patterns:
            return ""
        digests = self.of(matched(patterns, root))
        rows = [f"{name(path, root)} {digest}\n" for path, digest in digests.items()]
        return hashlib.sha256("".join(rows).encode()).hexdigest()

    def _read(self) -> dict[str, list[int | str]]:
        """Return the cached digests: size, mtime, ctime, inode and ``sha256:…`` by path; {} if the
        cache is absent or damaged."""
        try:
            text = read_own(self.memory)
            if text is None:  # most repositories have no cache
                return {}
            import json

            known = json.loads(text)
        except (OuroError, ValueError, RecursionError):
            return {}
        if not isinstance(known, dict):
            return {}
        return {key: kept for key, kept in known.items() if isinstance(kept, list) and kept[4:]}

    def _write(self, known: dict[str, list[int | str]]) -> None:
        """Write the cache; do nothing if it cannot be written."""
        import json

        folder = self.memory.parent
        try:
            make_folder(folder.parent, folder.name)
            write_whole(folder, self.memory.name, json.dumps(known).encode(), mode=0o600)
        except OSError:
            pass  # without a cache everything is hashed next time


def _digest(path: Path, known: dict[str, list[int | str]]) -> str:
    """Return ``sha256:…`` of a file's bytes; that of a large file is taken from ``known``, or added
    to it. OSError if the file cannot be read."""
    stat = _state(path)
    if stat.size < _SMALL:
        return _hash(path)
    state = [stat.size, stat.mtime, stat.ctime, stat.inode]
    kept = known.get(str(path))
    if kept is None or kept[:4] != state:
        kept = known[str(path)] = [*state, _hash(path)]
    return str(kept[4])


def _hash(path: Path) -> str:
    """Return ``sha256:…`` of a file's bytes, read by parts; OSError if it cannot be read."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(1 << 20):
            digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"
