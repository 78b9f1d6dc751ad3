"""Read HEAD and write objects and refs directly as files in git's folder, which is faster than
to start git.

Only git's default formats, without symbolic links, are supported. In any other case a function
returns None or raises OSError, and the caller asks git instead.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from pytest_ouro.core import limits
from pytest_ouro.core.plain_file import open_plain, write_all, write_whole
from pytest_ouro.evidence.content import is_id, read_own
from pytest_ouro.evidence.git.objects import object_id

if TYPE_CHECKING:
    from pathlib import Path

_BRANCH = b"ref: refs/heads/"


def read_head(folder: Path, common_dir: Path) -> tuple[str, str] | None:
    """Return the full id of the commit HEAD, and the name of the branch that is checked out ("" if
    HEAD is detached).

    ``folder`` is the git folder of the working tree, ``common_dir`` the one that all of them share.
    Return None if the files do not show it, so that git must be asked: there is no commit yet, HEAD
    or the branch is a link, or refs are kept in another format. Raise OuroError if one of the files
    is not a regular one or cannot be read.
    """
    if uses_reftable(common_dir) or (folder / "HEAD").is_symlink():
        return None
    stated = (read_own(folder / "HEAD") or b"").rstrip(b"\n")
    if is_id(stated):
        return stated.decode(), ""
    ref = os.fsdecode(stated.removeprefix(b"ref: "))
    if not stated.startswith(_BRANCH) or ".." in ref:
        return None
    place = common_dir / ref
    if place.is_symlink() or place.is_dir():
        return None
    commit = (read_own(place) or packed_refs(common_dir, ref).get(ref, b"")).rstrip(b"\n")
    return (commit.decode(), ref.removeprefix("refs/heads/")) if is_id(commit) else None


def name_worktree(folder: Path, common_dir: Path) -> str:
    """Return the name of the linked working tree whose git folder is ``folder``, as in
    ``.git/worktrees``; "" for the main one, whose git folder all share."""
    return "" if folder == common_dir else folder.name


def uses_reftable(common_dir: Path) -> bool:
    """Return whether this git folder keeps its refs in the format "reftable", not as files."""
    return os.path.exists(f"{common_dir}/reftable")


def packed_refs(common_dir: Path, start: str) -> dict[str, bytes]:
    """Return, from git's file packed-refs, the object id of each ref whose full name begins with
    ``start``, by this name; {} if there is no such ref or no such file.

    An id may be out of date: if a ref also has a file of its own, that file has its present id.
    Raise OuroError if packed-refs cannot be read.
    """
    data = read_own(common_dir / "packed-refs", limit=limits.FILE) or b""
    wanted = os.fsencode(f" {start}")
    lines = data.splitlines() if wanted in data else ()
    pairs = (line.partition(b" ") for line in lines if wanted in line)
    return {
        os.fsdecode(ref): name
        for name, _, ref in pairs
        if ref.startswith(wanted[1:]) and is_id(name)
    }


def write_object(common_dir: Path, kind: bytes, data: bytes, *, like: str) -> str:
    """Store ``data`` as a loose git object of this ``kind`` (``b"blob"``, ``b"tree"``), flushed to
    disk, unless there is such a file already. Return its id, made by SHA-1 or SHA-256, as the id
    ``like`` was. Raise OSError if it cannot be written."""
    name = object_id(kind, data, like=like)
    objects = f"{common_dir}/objects"
    folder = f"{objects}/{name[:2]}"
    if not os.path.exists(f"{folder}/{name[2:]}"):
        if not os.path.exists(folder):
            os.mkdir(folder)
            os.chmod(folder, stat.S_IMODE(os.stat(objects).st_mode))  # others may share it
        import zlib  # most calls only read

        packed = zlib.compress(b"%b %d\0" % (kind, len(data)) + data, 1)
        write_whole(common_dir, f"objects/{name[:2]}/{name[2:]}", packed, mode=0o444)
    return name


def write_ref(common_dir: Path, ref: str, name: str) -> None:
    """Set the ref with the full name ``ref`` to the object with the id ``name``, and flush it to
    disk.

    Raise OSError, and leave the ref as it was, if refs are kept in another format, a link is on the
    way, or a lock file exists, as of a process that is writing or was killed.
    """
    if uses_reftable(common_dir):
        raise OSError("git keeps refs in another format")
    place, lock = f"{common_dir}/{ref}", f"{common_dir}/{ref}.lock"
    handle = open_plain(common_dir, f"{ref}.lock", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        try:
            write_all(handle, name.encode() + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(lock, place)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(lock)
        raise
