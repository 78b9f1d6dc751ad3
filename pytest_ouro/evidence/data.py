"""Find the data files of an experiment, which are outside git, and compute their digests."""

from __future__ import annotations

import errno
import hashlib
import stat
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
    from collections.abc import Container, Iterable

#: Files below this many bytes are hashed every time.
_SMALL = 1 << 20
#: Errors of a path at which nothing is.
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def matched(patterns: Iterable[str], root: Path) -> list[Path]:
    """Return the files that at least one of the globs ``patterns`` matches (see `files`), sorted,
    each once; [] without patterns. Raise what `files` raises."""
    return sorted({path for pattern in patterns for path in files(pattern, root)})


def missing(patterns: tuple[str, ...], root: Path) -> list[str]:
    """Return those of the globs ``patterns`` that match no file (see `files`), in the same order.
    Raise what `files` raises."""
    return [pattern for pattern in patterns if not files(pattern, root)]


def files(pattern: str, root: Path) -> list[Path]:
    """Return the regular files, and links to regular files, that a glob matches, sorted; [] if
    there are none. The glob is absolute, begins with ``~``, or is relative to ``root``.

    Hidden files beside a matched file are included as `_hidden_siblings` says, although ``glob``
    leaves them out. Raise RuntimeError if the glob begins with ``~`` and the home folder is
    unknown, and OuroError if what it matches cannot be examined, as in a folder that may be listed
    and not entered.
    """
    whole = str(root / Path(pattern).expanduser())
    found = {path for path in map(Path, glob(whole, recursive=True)) if _is_file(path)}
    return sorted(found | _hidden_siblings(found, Path(whole).name))


def _hidden_siblings(found: set[Path], last: str) -> set[Path]:
    """Return the hidden files (with a name that begins with a dot) that ``last``, the last part of
    a glob, would match if its wildcards could match the first dot. Only those in the folder and
    with the suffix of a file in ``found`` count, since code that lists a folder by suffix would
    read them.

    Return an empty set if ``last`` does not begin with ``*`` or ``?``. Raise OuroError if a file
    cannot be examined.
    """
    if not last.startswith(("*", "?")):  # the pattern cannot match a hidden name
        return set()
    kinds = {(path.parent, path.suffix) for path in found if path.suffix}
    return {
        path
        for folder, suffix in kinds
        for path in folder.glob(f".*{suffix}")
        if fnmatchcase(path.name, last) and _is_file(path)
    }


def _is_file(path: Path) -> bool:
    """Return whether a regular file, or a link to one, is at a path. Raise OuroError if that cannot
    be known."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        if error.errno in _ABSENT:
            return False
        raise messages.unreadable_file(str(path), error.strerror or str(error)) from None


def names(patterns: Iterable[str], root: Path) -> dict[Path, str]:
    """Return the name of each file that at least one of the globs ``patterns`` matches (see
    `files`), in the order of the names; {} without patterns.

    A name is as the first glob that matches has it: absolute, ``~/…``, or relative to ``root``. So
    it is the same on every machine, wherever ``root`` and the home folder lie there. Raise what
    `files` raises.
    """
    found: dict[Path, str] = {}
    for pattern in patterns:
        for path in files(pattern, root):
            found.setdefault(path, _name_by(pattern, path, root))
    return dict(sorted(found.items(), key=lambda item: item[1].split("/")))


def _name_by(pattern: str, path: Path, root: Path) -> str:
    """Return the name of a file as the glob that matches it has it, see `names`."""
    home = pattern.partition("/")[0]
    if home.startswith("~"):
        return f"{home}/{path.relative_to(Path(home).expanduser()).as_posix()}"
    return path.as_posix() if pattern.startswith("/") else path.relative_to(root).as_posix()


def is_outside(pattern: str) -> bool:
    """Return whether a glob of data names files by a path that is absolute or begins with ``~``, so
    that they are read where they lie, and not from a working tree."""
    return pattern.startswith(("/", "~"))


def name(path: Path, root: Path) -> str:
    """Return the name of the data file ``path`` by where it lies: relative to ``root`` if it lies
    below that folder, otherwise ``~/…`` if it lies in the home folder, otherwise ``path`` itself.
    bound.lock has it for a file that no glob names, and had it for all. Raise RuntimeError,
    whatever ``path`` is, if the home folder is unknown."""
    for base, prefix in ((root, ""), (Path.home(), "~/")):
        if path.is_relative_to(base):
            return prefix + path.relative_to(base).as_posix()
    return path.as_posix()


def blessed_name(path: Path, named: str, root: Path, blessed: Container[str]) -> str:
    """Return the name by which to look for the data file ``path`` among the ``blessed`` names of a
    bound.lock: ``named``, its name by a glob ("": no glob names it); but its name by where it lies
    (see `name`) if only that is blessed, or if ``named`` is ""."""
    if named in blessed:
        return named
    by_place = name(path, root)
    return by_place if by_place in blessed or not named else named


@dataclass(frozen=True)
class State:
    """Metadata of a file, read without its bytes: inode, size in bytes, times in nanoseconds and
    the number of hard links."""

    inode: int
    size: int
    mtime: int
    ctime: int
    links: int

    def written_since(self, before: State) -> bool:
        """Return whether the file seems to have been written, renamed or replaced after the state
        ``before`` was taken, even if its bytes or its mtime were restored.

        A change of ctime alone counts only if the number of hard links is the same: to make or
        remove a hard link, as backups do, changes ctime too.
        """
        if (self.inode, self.size, self.mtime) != (before.inode, before.size, before.mtime):
            return True
        return self.ctime != before.ctime and self.links == before.links


def states(patterns: tuple[str, ...], root: Path) -> dict[Path, State]:
    """Return the state of each file that the patterns match (see `files`), by its path; of a link,
    the state of its target. Raise OSError if a file has gone meanwhile, and what `files` raises."""
    return {path: _state(path) for path in matched(patterns, root)}


def _state(path: Path) -> State:
    """Return the state of a file; of a link, that of its target. Raise OSError if there is no such
    file or it cannot be examined."""
    seen = path.stat()
    return State(seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_nlink)


def total_of(lines: Iterable[str]) -> str:
    """Return the sha256 (hexadecimal) of these lines of `Fingerprints.lines`, in any order."""
    rows = sorted(lines, key=lambda line: line.rpartition(" ")[0].split("/"))
    text = "".join(f"{row}\n" for row in rows)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


@dataclass(frozen=True)
class Fingerprints:
    """Computes the sha256 of data files, with a cache in the JSON file ``memory``.

    The digest of a file of 1 MiB or more is taken from the cache if the file's size, mtime, ctime
    and inode are the cached ones. With ``rehash`` every file is read, and the cache is only
    written.
    """

    memory: Path
    rehash: bool = False

    def of(self, paths: list[Path]) -> dict[Path, str]:
        """Return ``sha256:…`` of each file's bytes, by path, and store new digests of large files
        in the cache, if it can be written. Raise OuroError if a file cannot be read."""
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
        """Return one sha256 (hexadecimal) over the names and contents of all files that the
        patterns match (`total_of` their `lines`); "" if ``patterns`` is empty, the sha256 of no
        bytes if no file matches.

        Raise OuroError if a file cannot be read or examined, and RuntimeError if a glob begins with
        ``~`` and the home folder is unknown.
        """
        return total_of(self.lines(patterns, root)) if patterns else ""

    def lines(self, patterns: Iterable[str], root: Path) -> list[str]:
        """Return a line ``NAME sha256:…`` for each file that the patterns match, by its name (see
        `names`). Raise as `total` does."""
        named = names(patterns, root)
        digests = self.of([*named])
        return [f"{name} {digests[path]}" for path, name in named.items()]

    def _read(self) -> dict[str, list[int | str]]:
        """Return the cache, which maps a path to size, mtime, ctime, inode and ``sha256:…``; {} if
        it does not exist or is damaged."""
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
        """Write the cache; if it cannot be written, ignore the error."""
        import json

        folder = self.memory.parent
        try:
            make_folder(folder.parent, folder.name)
            write_whole(folder, self.memory.name, json.dumps(known).encode(), mode=0o600)
        except OSError:
            pass  # without a cache everything is hashed next time


def _digest(path: Path, known: dict[str, list[int | str]]) -> str:
    """Return ``sha256:…`` of a file's bytes. That of a file of 1 MiB or more is taken from the
    cache ``known`` if its metadata is unchanged, and otherwise computed and stored in ``known``.
    Raise OSError if the file cannot be read."""
    seen = _state(path)
    if seen.size < _SMALL:
        return _hash(path)
    state = [seen.size, seen.mtime, seen.ctime, seen.inode]
    kept = known.get(str(path))
    if kept is None or kept[:4] != state:
        kept = known[str(path)] = [*state, _hash(path)]
    return str(kept[4])


def _hash(path: Path) -> str:
    """Return ``sha256:…`` of a file's bytes, which are read in parts. Raise OSError if it cannot be
    read."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(1 << 20):
            digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"
