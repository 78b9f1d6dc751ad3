"""Match and join paths of rules: globs with ``/``; ``*`` stays in one folder, ``**`` does not.
Brackets and braces stand for themselves."""

from __future__ import annotations

import posixpath
import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import ClassVar


class PathParameter(str):
    """A path or glob in bound.toml. The subclass says which ones the parameter accepts."""

    __slots__ = ()
    #: The accepted values in words, for error messages.
    wanted: ClassVar[str]

    def fault(self, folder: str, root: str) -> str:
        """Return why a rule may not name this path, as a text without a full stop: that it is empty
        or has a null character; "" if it may. Subclasses refuse more.

        ``folder`` is bound.toml's folder and ``root`` the experiment's, from the repository's top.
        """
        return "it has a null character" if "\0" in self else "" if self else "it is empty"


class DataGlob(PathParameter):
    """A glob of data files, in the repository or outside: absolute, from ``~``, or relative to the
    experiment's root."""

    __slots__ = ()
    wanted = "a glob of data files"


class RepoPath(PathParameter):
    """A file or folder of the repository, relative to the experiment's root. ``../`` may lead out
    of the root, but not out of the repository."""

    __slots__ = ()
    wanted = "a path inside the repository, relative to the experiment's root"

    def fault(self, folder: str, root: str) -> str:
        """Return why a rule may not name this path: its first part is ``~``, it is absolute, lies
        outside the repository, is empty, or has a null character; "" if the rule may."""
        if self.split("/")[0] == "~":
            return "~ is the home folder only for files of data"
        try:
            join(root, self)
        except ValueError:
            return "it lies outside the repository"
        return super().fault(folder, root)


class Glob(RepoPath):
    """Files of the repository, relative to the experiment's root: ``*`` and ``?`` stay in one
    folder, ``**`` does not, and ``folder/`` means all files below the folder."""

    __slots__ = ()
    wanted = "a glob of files inside the repository, relative to the experiment's root"

    def fault(self, folder: str, root: str) -> str:
        """Return why a rule may not name this glob: as for `RepoPath`, or it is the root itself, as
        ``.``, which names no file; "" if the rule may."""
        whole = self and posixpath.normpath(self) == "."
        return super().fault(folder, root) or ("write ** for all files" if whole else "")


class BoundFolder(RepoPath):
    """A folder of the repository, relative to the folder of bound.toml."""

    __slots__ = ()
    wanted = 'a folder inside the repository, relative to the folder of bound.toml, which is "."'

    def fault(self, folder: str, root: str) -> str:
        """Return why a rule may not name this folder: as for `RepoPath`, but relative to
        ``folder``; "" if the rule may."""
        return super().fault(folder, folder)


@lru_cache(maxsize=512)
def _matcher(patterns: tuple[str, ...]) -> Callable[[str], object]:
    """Return a function from a path to a true value if one of the globs names the path, else a
    false one.

    The function takes time in proportion to the path's length: plain names are looked up in a set,
    simple globs are one regular expression, and the rest are matched by `_matches_parts`.
    """
    wild = [p for p in patterns if p.endswith("/") or "*" in p or "?" in p]
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
    """Split a glob into its wildcards and the texts between them, in order. A glob that ends with
    ``/`` gets ``**`` at its end."""
    return re.findall(_PART, pattern + "**" if pattern.endswith("/") else pattern)


def _is_simple(parts: list[str]) -> bool:
    """Return whether a regular expression matches a glob, given in the parts of `_split`, without
    trying many ways: apart from ``**`` at its end, the glob has at most one wildcard for many
    characters, or ``**/`` and ``*`` once each."""
    stars = [part for part in parts[:-1] + parts[-1:] * (parts[-1] != "**") if part[0] == "*"]
    return len(stars) < 2 or sorted(stars) == ["*", "**/"]


def _matches_parts(path: str, parts: list[str]) -> bool:
    """Return whether a glob, split into wildcards and the texts between them, matches a path.

    A regular expression would try every way to divide the path among the wildcards. Here bit n of
    ``ends`` says that the parts so far can match the first n characters.
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
    """Return the places at which a text begins in a path, as bits: bit n is set for place n, from
    0."""
    found, place = 0, path.find(text)
    while place >= 0:
        found |= 1 << place
        place = path.find(text, place + 1)
    return found


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Return whether at least one of the globs names ``path``; False without globs. ``folder/``
    names all files below the folder."""
    return bool(_matcher(tuple(patterns))(path))


def matches_once(path: str, patterns: Iterable[str]) -> bool:
    """Return what `matches` returns, without compiling the patterns: faster for the first path,
    slower for each further one."""
    return any(path == pattern or _matches_parts(path, _split(pattern)) for pattern in patterns)


def matching(paths: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Return the paths that one of the globs names, in their order; [] without globs."""
    return list(filter(_matcher(tuple(patterns)), paths))


def inside(path: str, folder: str) -> bool:
    """Return whether ``path`` is ``folder`` or lies below it ("" is the repository's top)."""
    return not folder or path == folder or path.startswith(folder + "/")


def join(folder: str, path: str) -> str:
    """Return ``path``, which is relative to ``folder``, made relative to the repository's top,
    without ``.`` and ``..``; "" for the top itself. A slash at its end is kept: "./" for the top.

    ValueError if it leaves the repository or is absolute.
    """
    joined = posixpath.normpath(posixpath.join(folder, path))
    if joined.startswith(("../", "/")) or joined == "..":
        raise ValueError(f"'{path}' lies outside the repository")
    if path.endswith("/"):
        joined += "/"
    return "" if joined == "." else joined
