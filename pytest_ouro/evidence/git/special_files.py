"""Refuse pipes, devices and oversized files in the places where git would read them, before git
is called.

Git would wait for a pipe for ever. A script that writes into a repository can make one, and so
can the author of a folder that was copied.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core import limits
from pytest_ouro.evidence.content import kind_of, read_own
from pytest_ouro.messages import limits as messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ouro.core.errors import LimitError

#: Files in git's folder that may be large: git reads them by parts, or maps them.
_LARGE = ("index", "packed-refs", "refs")
#: Files of a working tree that git reads when it lists untracked files.
_IN_TREE = (".gitignore", ".gitattributes")
#: Kinds of files that git would wait for, or cannot open.
_SPECIAL = (stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK)
_FOLDERS = ("info", "refs", "objects/info", "objects/pack")


def refuse_special_files(start: Path) -> None:
    """Raise OuroError if git, when called in ``start``, could block on a file in the git folder
    around ``start``, or in the one that linked working trees share. Return if no such file is
    found, or if there is no git folder.

    Refused are a pipe, a socket or a device directly in such a folder, directly in its ``info``,
    ``objects/info`` or ``objects/pack``, or anywhere in its ``refs``; and a file of more than
    `limits.SMALL` bytes directly in the folder or in ``info``, except the index and packed-refs.
    Pipes elsewhere among the objects are found by :func:`refuse_what_blocks`.
    """
    for place in _git_folders(str(start)):
        for entry in _files(place, deep=False):
            _demand_small(entry)
        for name in _FOLDERS:
            for entry in _files(f"{place}/{name}", deep=name == "refs"):
                _demand_small(entry) if name == "info" else _demand_no_pipe(entry)


def refuse_what_blocks(start: Path) -> None:
    """Raise OuroError if a pipe, a socket or a device is anywhere in the git folder around
    ``start``, in the object folders that its ``alternates`` name, or in the place of a
    .gitignore or .gitattributes at or below ``start``; otherwise return.

    It lists every folder, so it is called only when git has been silent for long.
    """
    for place in _git_folders(str(start)):
        alternates = read_own(Path(place, "objects/info/alternates")) or b""
        others = [os.path.join(place, "objects", os.fsdecode(s)) for s in alternates.splitlines()]  # noqa: PTH118
        for folder in (place, *others):
            for entry in _files(folder, deep=True):
                _demand_no_pipe(entry)
    for folder, folders, names in os.walk(start):
        folders[:] = set(folders) - {".git"}
        for name in set(names).intersection(_IN_TREE):
            refuse_special_file(f"{folder}/{name}")


def _git_folders(start: str) -> tuple[str, ...]:
    """Return the absolute path of the git folder around ``start``, and of the one that working
    trees share if that is another; () if there is none."""
    folder = _git_folder(start)
    return tuple(dict.fromkeys((folder, _named(f"{folder}/commondir", folder)))) if folder else ()


def find_top(start: Path) -> Path | None:
    """Return the top folder of the working tree around ``start``, without calling git: the nearest
    folder, ``start`` or above, with a ``.git`` file or a ``.git`` folder that has a HEAD. Return
    None if there is none."""
    for folder in (start.absolute(), *start.absolute().parents):
        named = folder / ".git"
        if (named / "HEAD").exists() or named.is_file():
            return folder
    return None


def _git_folder(start: str) -> str:
    """Return the absolute path of the git folder around ``start``: ``.git``, the folder that a
    ``.git`` file names, or a bare repository itself. Return "" if there is none."""
    folder = os.path.abspath(start)  # noqa: PTH100
    while True:
        named = f"{folder}/.git"
        if os.path.isdir(named):  # noqa: PTH112
            return named
        if os.path.lexists(named):
            return _named(named, folder)
        if os.path.isdir(f"{folder}/objects") and os.path.lexists(f"{folder}/HEAD"):  # noqa: PTH112
            return folder
        above = os.path.dirname(folder)  # noqa: PTH120
        if above == folder:
            return ""
        folder = above


def _named(file: str, folder: str) -> str:
    """Return the path that one of git's files holds (as ``PATH`` or ``gitdir: PATH``), joined to
    ``folder``; ``folder`` itself if there is no such file. Raise OuroError if the file is not
    regular, too large or cannot be read."""
    if not os.path.lexists(file):
        return folder
    data = read_own(Path(file)) or b""
    return os.path.join(folder, os.fsdecode(data.removeprefix(b"gitdir: ").strip()))  # noqa: PTH118


def _files(folder: str, *, deep: bool) -> Iterator[os.DirEntry[str]]:
    """Yield the entries directly in a folder that are not folders; with ``deep`` also those in all
    folders below it. A folder that cannot be listed is skipped."""
    todo = [folder]
    while todo:
        try:
            with os.scandir(todo.pop()) as listed:
                entries = list(listed)  # no folder stays open while an entry is refused
        except OSError:  # absent, or git will say what is wrong with it
            continue
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                yield entry
            elif deep:
                todo.append(entry.path)


def _demand_small(entry: os.DirEntry[str]) -> None:
    """Raise OuroError if an entry, links followed, is a pipe, a socket or a device, or has more
    than `limits.SMALL` bytes and is not git's index or packed-refs; otherwise return."""
    limit = limits.UNLIMITED if entry.name in _LARGE else limits.SMALL
    refuse_special_file(entry.path, limit, too_large=messages.too_large_own)


def _demand_no_pipe(entry: os.DirEntry[str]) -> None:
    """Raise OuroError if an entry, links followed, is a pipe, a socket or a device; otherwise
    return."""
    if not entry.is_file(follow_symlinks=False):  # the list of the folder says it: no file is asked
        refuse_special_file(entry.path)


def refuse_special_file(
    path: str,
    limit: float = limits.UNLIMITED,
    *,
    too_large: Callable[[str, int, int], LimitError] | None = None,
) -> None:
    """Raise OuroError if ``path``, links followed, is a pipe, a socket or a device, and LimitError
    if it has more than ``limit`` bytes. Return if it is anything else, if nothing is there, or if
    it cannot be examined.

    ``too_large`` makes the LimitError from the path, the size and the limit, both in bytes.
    """
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return
    if stat.S_IFMT(found.st_mode) in _SPECIAL:
        raise messages.special_file(path, kind_of(path, follow=True))
    if found.st_size > limit:
        raise (too_large or messages.too_large)(path, found.st_size, int(limit))
