"""Match and join paths of rules: globs with ``/``; ``*`` stays in one folder, ``**`` does not."""

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
        """Return why a rule may not name this path; "" if it may.

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
        whole = self and posixpath.normpath(self) == "."
        return super().fault(folder, root) or ("write ** for all files" if whole else "")


class BoundFolder(RepoPath):
    """A folder of the repository, relative to the folder of bound.toml."""

    __slots__ = ()
    wanted = 'a folder inside the repository, relative to the folder of bound.toml, which is "."'

    def fault(self, folder: str, root: str) -> str:
        return super().fault(folder, folder)


@lru_cache(maxsize=512)
def _matcher(patterns: tuple[str, ...]) -> Callable[[str], object]:
    """Return a fast function that says whether one of the globs names a path: plain names are
    looked up in a set, the others are one regular expression."""
    wild = [p for p in patterns if p.endswith("/") or "*" in p or "?" in p]
    plain = frozenset(patterns).difference(wild)
    if not wild:
        return plain.__contains__
    wholes = [_translate(p + "**" if p.endswith("/") else p) for p in wild]
    match = re.compile(f"(?:{'|'.join(wholes)})\\Z", re.DOTALL).match
    return lambda path: path in plain or match(path)


_WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def _translate(pattern: str) -> str:
    """Return a glob as a regular expression."""
    parts = re.findall(r"\*\*/|\*\*|[*?]|[^*?]+", pattern)
    return "".join(_WILDCARDS.get(part) or re.escape(part) for part in parts)


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Return whether one of the globs names ``path``. ``folder/`` means all in the folder."""
    return bool(_matcher(tuple(patterns))(path))


def matching(paths: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Return the paths that one of the globs names."""
    return list(filter(_matcher(tuple(patterns)), paths))


def inside(path: str, folder: str) -> bool:
    """Return whether ``path`` lies in ``folder`` ("" is the repository's top)."""
    return not folder or path == folder or path.startswith(folder + "/")


def join(folder: str, path: str) -> str:
    """Return ``path``, given relative to ``folder``, relative to the repository's top.

    ValueError if it leaves the repository or is absolute.
    """
    joined = posixpath.normpath(posixpath.join(folder, path))
    if joined.startswith(("../", "/")) or joined == "..":
        raise ValueError(f"'{path}' lies outside the repository")
    if path.endswith("/"):
        joined += "/"
    return "" if joined == "." else joined


def quoted(path: str) -> str:
    """Quote a path for a shell command that a person copies; ``~/`` stays the home."""
    import shlex  # most sessions need no quoted path

    rest = path.removeprefix("~/")
    return path.removesuffix(rest) + shlex.quote(rest)
