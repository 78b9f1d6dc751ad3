"""The journal's copy in git: ``refs/ouro/journal`` names a tree with one file for each line.

An edit of the journal's file does not change the copy. To compare the two, no object is read: the
id of the tree follows from the lines. In every function ``folder`` is the common git folder.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core import limits
from pytest_ouro.core.errors import GitError
from pytest_ouro.evidence.content import read_own
from pytest_ouro.evidence.git.client import command, environment, run_git
from pytest_ouro.evidence.git.objects import Objects, object_id

if TYPE_CHECKING:
    from collections.abc import Sequence

REF = "refs/ouro/journal"

_ID = re.compile(rb"[0-9a-f]{40}|[0-9a-f]{64}")

#: The copy must survive a loss of power, as the journal does.
_DURABLE = ("core.fsync=loose-object,reference",)


def _call(folder: Path, *args: str, stdin: bytes = b"") -> bytes:
    """Call git in its folder, flushing what it writes to disk; return its output. GitError if it
    fails."""
    return run_git("--git-dir=.", *args, cwd=folder, also=_DURABLE, stdin=stdin)


def exists(folder: Path) -> bool:
    """Return whether the ref exists as a file or in packed-refs, without calling git; False if git
    keeps refs in another format."""
    if folder.joinpath(*REF.split("/")).exists():
        return True
    return f" {REF}\n".encode() in (read_own(folder / "packed-refs", limit=limits.FILE) or b"")


def refs(folder: Path) -> dict[str, str]:
    """Return a dict from the full name of each ref in refs/ouro/ to the id of its object. Git is
    called only if its files do not show them; GitError if it fails."""
    found = _read_refs(folder)
    if found is not None:
        return found
    listed = _call(folder, "for-each-ref", "--format=%(refname) %(objectname)", "refs/ouro/")
    return dict(line.split(" ", 1) for line in listed.decode().splitlines())


def _read_refs(folder: Path) -> dict[str, str] | None:
    """Return ids by ref as the files state them, in git's default format. None if there is another
    format, a link, or a file that is not an id, or if the journal's tree is not a loose object."""
    if (folder / "reftable").exists():
        return None
    found = {}
    for line in (read_own(folder / "packed-refs", limit=limits.FILE) or b"").splitlines():
        name, _, ref = line.partition(b" ")
        if ref.startswith(b"refs/ouro/") and _ID.fullmatch(name):
            found[ref.decode(errors="surrogateescape")] = name.decode()
    for at, folders, files in os.walk(folder / "refs" / "ouro"):
        here = Path(at)
        if any(path.is_symlink() for path in (here, *(here / one for one in (*folders, *files)))):
            return None
        for path in (here / one for one in files if not one.endswith(".lock")):
            stated = (read_own(path) or b"").rstrip(b"\n")
            if not _ID.fullmatch(stated):
                return None
            found[path.relative_to(folder).as_posix()] = stated.decode()
    held = found.get(REF, "")
    loose = folder / "objects" / held[:2] / held[2:]
    return found if not held or loose.is_file() else None


def tree(lines: Sequence[bytes], *, like: str) -> str:
    """Return the id of the tree that holds these lines, by the hash function that made the id
    ``like``."""
    entries = b"".join(
        b"100644 %b\0" % name.encode() + bytes.fromhex(_blob(line, like))
        for name, line in _named(lines)
    )
    return object_id(b"tree", entries, like=like)


def write(folder: Path, lines: Sequence[bytes], before: str) -> None:
    """Write these lines to git as a tree, and let the ref name it. ``before`` is the id of the tree
    that the ref names now, or "" for none: if that tree has all lines except for the last, only the
    last line is written as an object. GitError if git fails."""
    known = bool(before) and tree(lines[:-1], like=before) == before
    for line in lines[-1:] if known else lines:
        _call(folder, "hash-object", "-w", "--stdin", stdin=line + b"\n")
    like = before or _call(folder, "hash-object", "--stdin").decode().strip()
    entries = [f"100644 blob {_blob(line, like)}\t{name}\n" for name, line in _named(lines)]
    new = _call(folder, "mktree", "--missing", stdin="".join(entries).encode())
    name(folder, new.decode().strip())


def name(folder: Path, tree: str) -> None:
    """Let the ref name the tree with this id; for "", remove the ref. The caller holds the
    journal's lock. If git fails, what blocks the ref (a lock file, a folder in its place) is
    removed and git is called again; GitError if it fails even then."""
    update = ("update-ref", REF, tree) if tree else ("update-ref", "-d", REF)
    try:
        _call(folder, *update)
    except GitError:  # a lock that a killed process left, or what a script put in the ref's place
        place = folder.joinpath(*REF.split("/"))
        place.with_name(f"{place.name}.lock").unlink(missing_ok=True)
        if place.is_dir():
            import shutil  # it loads every compression module

            shutil.rmtree(place, ignore_errors=True)
        _call(folder, *update)


def read(folder: Path, tree_id: str) -> list[bytes] | None:
    """Return the lines of a tree (id), oldest first; None if git has lost a part of it, or it is
    not a copy of a journal."""
    batch = command("--git-dir=.", "cat-file", "--batch", cwd=folder)
    with contextlib.closing(Objects(batch, environment())) as store:
        try:
            blobs = [store.read(entry.blob) for entry in store.folder(tree_id).values()]
        except GitError:
            return None
    lines = [blob.removesuffix(b"\n") for blob in blobs]
    return lines if tree(lines, like=tree_id) == tree_id else None


def _named(lines: Sequence[bytes]) -> list[tuple[str, bytes]]:
    """Return pairs of name and line: the number of a line names its file, so that git's order is
    the journal's."""
    return [(f"{number:08}", line) for number, line in enumerate(lines, start=1)]


def _blob(line: bytes, like: str) -> str:
    """Return the id of the file that holds a line, with its newline, by the hash function that made
    the id ``like``."""
    return object_id(b"blob", line + b"\n", like=like)
