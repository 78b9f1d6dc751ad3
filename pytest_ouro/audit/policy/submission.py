"""Read a submission: the folder of a record, alone or as a pull request adds it. Nothing of it is
executed or checked out."""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING

from pytest_ouro.audit.policy.tables import FOLDER
from pytest_ouro.core import limits
from pytest_ouro.core.errors import LimitError, OuroError
from pytest_ouro.core.fast_dataclass import dataclass, field
from pytest_ouro.evidence.content import read_file
from pytest_ouro.evidence.paths import matches
from pytest_ouro.messages import command_line as messages
from pytest_ouro.messages import limits as limit_messages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pytest_ouro.audit.policy.tables import Files
    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.git.objects import Kind

#: The most bytes of a file that is read.
LOG = 32 << 20
#: The most files of a record on the disk.
_FILES = 20_000


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A submission. ``subject`` is what the user named, ``head`` the full id of its commit ("":
    files on the disk). ``folder`` is the path of the record from the repository's top, and
    ``names`` are the files in it, relative to it.

    ``read`` and ``read_base`` return the bytes of a path from the top, in the submission and in its
    base; None if there is no such file, or if it is a link or has too many bytes. ``changes`` maps
    the path of each file that the pull request changes to "added", "changed" or "deleted".
    ``base_paths`` are all files of the base, and ``others`` are further folders of records that the
    pull request touches. For a folder alone, whose base is not known, ``read_base`` is None and the
    last three are empty.
    """

    subject: str
    folder: str
    names: tuple[str, ...]
    read: Callable[[str], bytes | None]
    head: str = ""
    read_base: Callable[[str], bytes | None] | None = None
    base_paths: tuple[str, ...] = ()
    changes: Mapping[str, Kind] = field(default_factory=dict)
    others: tuple[str, ...] = ()

    def place(self, path: str) -> str:
        """Return a path of the policy as a normal path relative to the repository's top: the first
        ``{folder}`` in it is replaced by the folder of the record."""
        return posixpath.normpath(path.replace(FOLDER, self.folder, 1))

    def read_inside(self, name: str) -> bytes | None:
        """Return the bytes of the record's file ``name``, a path relative to the record's folder;
        None as for ``read``."""
        return self.read(posixpath.join(self.folder, name))


def read_folder(path: Path, subject: str) -> Submission:
    """Return the folder at ``path`` on the disk as a submission that is one record; ``subject`` is
    how the user named it. Links to folders are not entered, and ``.git`` is left out. Raise
    OuroError if there are too many files, OSError if a folder cannot be read."""
    names: list[str] = []
    for folder, below, files in os.walk(path, onerror=_raise):
        below[:] = sorted(name for name in below if name != ".git")
        within = os.path.relpath(folder, path)
        names += [posixpath.normpath(posixpath.join(within, name)) for name in files]
        if len(names) > _FILES:
            raise limit_messages.too_large_tree(subject, "entries", _FILES)
    return Submission(
        subject=subject,
        folder=path.name or ".",
        names=tuple(sorted(names)),
        read=lambda wanted: _read_below(path, wanted),
    )


def find_inside(path: Path, pattern: str) -> str:
    """Return the first folder, by name, that is the folder of a record below ``path``, as a path
    relative to ``path``; "" if there is none. ``pattern`` is the policy's glob of such folders,
    relative to the repository's top; ``path`` may be the top, or a folder between the top and the
    records, for which the rest of the glob is tried."""
    parts = pattern.strip("/").split("/")
    for start in range(len(parts)):
        end = "/".join(parts[start:])
        last = parts[start - 1] if start else ""
        if _is_wild(end) and (_is_wild(last) or not path.match(last)):
            return ""
        if found := sorted(place for place in path.glob(end) if place.is_dir()):
            return found[0].relative_to(path).as_posix()
    return ""


def _is_wild(glob: str) -> bool:
    """Return whether a glob has no literal text, only ``*``, ``?`` and slashes; True for "". Such a
    glob demands no particular name, so `find_inside` does not rely on it alone."""
    return set(glob) <= set("*?/")


def _raise(error: OSError) -> None:
    """Raise ``error``; `os.walk` calls this for a folder that it cannot read, which it would
    skip."""
    raise error


def _read_below(path: Path, wanted: str) -> bytes | None:
    """Return the bytes of a file in the folder ``path``, which is judged as a record alone.
    ``wanted`` is the file's path as `Submission.read` gets it: the name of the folder, then the
    path in it. Return None if ``wanted`` begins with another name, or if the file is a link,
    missing, too large or cannot be read."""
    folder, _, name = wanted.partition("/")
    inside = path / name
    if folder != (path.name or ".") or not name or inside.is_symlink():
        return None
    try:
        return read_file(inside, limit=LOG)
    except OuroError:
        return None


def read_pull_request(git: Git, base: str, head: str, subject: str, files: Files) -> Submission:
    """Return what the commits from ``base`` to ``head`` (full ids) submit: the record whose folder
    they change, found by the glob in ``files``. If they change several records, it is the first, by
    name, of those that they add files to, else the first of all; the rest are ``others``. Raise
    OuroError if they change no record."""
    trees = [git.store.commit(commit)[0] for commit in (base, head)]
    changes = dict(git.store.difference(trees[0], trees[1]))
    found = {
        folder: kind == "added"
        for kind in ("changed", "deleted", "added")
        for path, how in sorted(changes.items())
        if how == kind and (folder := find_record(path, files.folder))
    }
    if not found:
        raise messages.no_record(subject, files.folder)
    folder = min(found, key=lambda name: (not found[name], name))
    every = git.tree(head)
    before = git.tree(base)
    return Submission(
        subject=subject,
        head=head,
        folder=folder,
        names=tuple(sorted(p[len(folder) + 1 :] for p in every if p.startswith(f"{folder}/"))),
        read=lambda path: _read_object(git, head, path),
        read_base=lambda path: _read_object(git, base, path),
        base_paths=tuple(before),
        changes=changes,
        others=tuple(sorted(found.keys() - {folder})),
    )


def find_record(path: str, pattern: str) -> str:
    """Return the folder of the record that has the file ``path`` directly in it or in a subfolder;
    "" if the file belongs to no record. ``pattern`` is the glob of the folders of records, relative
    to the repository's top."""
    parts, deep = path.split("/"), pattern.strip("/").count("/") + 1
    folder = "/".join(parts[:deep])
    return folder if len(parts) > deep and matches(folder, (pattern.strip("/"),)) else ""


def _read_object(git: Git, commit: str, path: str) -> bytes | None:
    """Return the bytes of the file ``path`` in a commit; None if it is missing, a link or a
    submodule, or too large."""
    entry = git.tree(commit).get(path)
    if entry is None or not entry.mode.startswith("100"):
        return None
    try:
        return git.contents(entry, limit=min(LOG, limits.FILE), path=path)
    except LimitError:
        return None
