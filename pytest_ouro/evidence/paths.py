"""Join and match the paths and globs of rules.

``*`` and ``?`` match within one folder, ``**`` across folders; brackets and braces are ordinary
characters.
"""

from __future__ import annotations

import posixpath
import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import ClassVar


class PathParameter(str):
    """A path or glob from bound.toml. Each subclass accepts one kind, and refuses others by
    `fault`."""

    __slots__ = ()
    #: The accepted values in words, for error messages.
    wanted: ClassVar[str]

    def fault(self, folder: str, root: str) -> str:
        """Return in words why bound.toml may not have this path (it is empty or has a null
        character), without a full stop; "" if it may. Subclasses have more reasons.

        ``folder`` (of bound.toml) and ``root`` (of the experiment) are repository-relative.
        """
        return "it has a null character" if "\0" in self else "" if self else "it is empty"


class DataGlob(PathParameter):
    """A glob of data files: absolute, with ``~``, or relative to the experiment's root; in or
    outside the repository."""

    __slots__ = ()
    wanted = "a glob of data files"


class RepoPath(PathParameter):
    """A path in the repository, relative to the experiment's root. ``../`` may leave the root, but
    not the repository."""

    __slots__ = ()
    wanted = "a path inside the repository, relative to the experiment's root"

    def fault(self, folder: str, root: str) -> str:
        """Return in words why bound.toml may not have this path: its first part is ``~``, it is
        absolute, leads out of the repository, is empty, or has a null character; "" if it may."""
        if self.split("/")[0] == "~":
            return "~ is the home folder only for files of data"
        try:
            join(root, self)
        except ValueError:
            return "it lies outside the repository"
        return super().fault(folder, root)


class Glob(RepoPath):
    """A glob of files in the repository, relative to the experiment's root. ``*`` and ``?`` match
    within one folder, ``**`` across folders, and ``folder/`` matches all files below the folder."""

    __slots__ = ()
    wanted = "a glob of files inside the repository, relative to the experiment's root"

    def fault(self, folder: str, root: str) -> str:
        """Return in words why bound.toml may not have this glob: the reasons of `RepoPath`, or it
        is ``.``, which matches no file; "" if it may."""
        whole = self and posixpath.normpath(self) == "."
        return super().fault(folder, root) or ("write ** for all files" if whole else "")


class BoundFolder(RepoPath):
    """A folder in the repository, relative to the folder of bound.toml."""

    __slots__ = ()
    wanted = 'a folder inside the repository, relative to the folder of bound.toml, which is "."'

    def fault(self, folder: str, root: str) -> str:
        """Return in words why bound.toml may not have this folder: the reasons of `RepoPath`, with
        ``folder`` in place of ``root``; "" if it may."""
        return super().fault(folder, folder)


@lru_cache(maxsize=512)
def _matcher(patterns: tuple[str, ...]) -> Callable[[str], object]:
    """Return a function that takes a path and returns a true value if one of the globs matches
    it.

    The function takes time in proportion to the path's length: plain names are looked up in a
    set, simple globs become one regular expression, and others are matched by `_matches_parts`.
    """
    wild = [*filter(_is_wild, patterns)]
    plain = frozenset(patterns).difference(wild)
    if not wild:
        return plain.__contains__
    globs = [*map(_split, wild)]
    others = [parts for parts in globs if not _is_simple(parts)]
    wholes = [
        "".join(_WILDCARDS.get(part) or re.escape(part) for part in p)
        for p in globs
        if _is_simple(p)
    ]
    if not wholes:
        return lambda path: path in plain or any(_matches_parts(path, p) for p in others)
    match = re.compile(f"(?:{'|'.join(wholes)})\\Z", re.DOTALL).match
    if not others:
        return lambda path: path in plain or match(path)
    return lambda path: path in plain or match(path) or any(_matches_parts(path, p) for p in others)


_PART = r"\*\*/|\*\*|[*?]|[^*?]+"
_WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def _split(pattern: str) -> list[str]:
    """Split a glob into its wildcards and the literal texts between them, in order. A final ``/``
    becomes ``/`` and ``**``."""
    return re.findall(_PART, pattern + "**" if pattern.endswith("/") else pattern)


def _is_simple(parts: list[str]) -> bool:
    """Return whether a regular expression can match a glob, given as the parts of `_split`, without
    much backtracking: apart from a final ``**``, it has at most one of ``*``, ``**`` and ``**/``,
    or one ``*`` and one ``**/``."""
    stars = [part for part in parts[:-1] + parts[-1:] * (parts[-1] != "**") if part[0] == "*"]
    return len(stars) < 2 or sorted(stars) == ["*", "**/"]


def _matches_parts(path: str, parts: list[str]) -> bool:
    """Return whether a glob, given as the parts of `_split`, matches a path, in time that does
    not explode with the number of wildcards.

    Bit n of ``ends`` is set if the parts so far can match the first n characters of the path.
    """
    ends, every = 1, (1 << len(path) + 1) - 1
    slashes = _places("/", path)
    others = (every >> 1) & ~slashes  # each character but a slash
    for part in parts:
        after = every & -(ends & -ends)  # from the first end on
        if part == "**":
            ends = after
        elif part == "**/":
            ends |= (slashes & after) << 1
        elif part == "*":  # carries run through each name
            ends |= ((ends & others) + others) ^ others
            ends &= every
        elif part == "?":
            ends = (ends & others) << 1
        else:
            ends = (ends & _places(part, path)) << len(part)
        if not ends:
            return False
    return bool(ends >> len(path) & 1)


def _places(text: str, path: str) -> int:
    """Return the positions at which ``text`` begins in ``path`` as the bits of a number: bit n for
    position n."""
    found, place = 0, path.find(text)
    while place >= 0:
        found |= 1 << place
        place = path.find(text, place + 1)
    return found


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Return whether at least one of the globs matches ``path``; False if there are no globs. A
    glob ``folder/`` matches all files below the folder."""
    return bool(_matcher(tuple(patterns))(path))


def matches_once(path: str, patterns: Iterable[str]) -> bool:
    """Return the same as `matches`, but without compiling the globs: faster for one path, slower
    for many."""
    return any(p == path or (_is_wild(p) and _matches_parts(path, _split(p))) for p in patterns)


def _is_wild(pattern: str) -> bool:
    """Return whether a glob has a wildcard: ``*``, ``?``, or ``/`` at its end."""
    return pattern.endswith("/") or "*" in pattern or "?" in pattern


def matching(paths: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Return those of ``paths`` that at least one of the globs matches, in the same order; []
    without globs."""
    return list(filter(_matcher(tuple(patterns)), paths))


def inside(path: str, folder: str) -> bool:
    """Return whether ``path`` is ``folder`` or lies below it; "" as ``folder`` is the top, which
    holds every path."""
    return not folder or path == folder or path.startswith(folder + "/")


@lru_cache(maxsize=1 << 10)
def join(folder: str, path: str) -> str:
    """Join ``path`` to the repository-relative ``folder``, and return the repository-relative
    result, without ``.`` and ``..``; "" for the top. A final slash is kept ("./" for the top).

    Raise ValueError if the result is absolute or outside the repository.
    """
    joined = posixpath.normpath(posixpath.join(folder, path))
    if joined.startswith(("../", "/")) or joined == "..":
        raise ValueError(f"'{path}' lies outside the repository")
    if path.endswith("/"):
        joined += "/"
    return "" if joined == "." else joined
