"""Read HEAD, and write objects and refs, as files of git's folder: a process of git for each takes
longer than the work.

This is for git's default formats and for folders without links. What is different is left to git:
the functions say so by None or by an OSError, and have then changed nothing that counts.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

from pytest_ouro.core import limits
from pytest_ouro.core.plain_file import open_plain, write_whole
from pytest_ouro.evidence.content import read_own
from pytest_ouro.evidence.git.objects import object_id

if TYPE_CHECKING:
    from pathlib import Path

#: The id of an object.
ID = re.compile(rb"[0-9a-f]{40}|[0-9a-f]{64}")
_BRANCH = b"ref: refs/heads/"


def read_head(folder: Path, common_dir: Path) -> tuple[str, str] | None:
    """Return the id of the commit that is checked out, and the branch ("" if HEAD is detached).

    ``folder`` is the working tree's own git folder, ``common_dir`` the one that all share. None if
    only git can tell: there is another format, no commit yet, or a link. OuroError for a pipe or a
    device in the place of a file.
    """
    if uses_reftable(common_dir) or (folder / "HEAD").is_symlink():
        return None
    stated = (read_own(folder / "HEAD") or b"").rstrip(b"\n")
    if ID.fullmatch(stated):
        return stated.decode(), ""
    ref = os.fsdecode(stated.removeprefix(b"ref: "))
    if not stated.startswith(_BRANCH) or ".." in ref:
        return None
    place = common_dir / ref
    if place.is_symlink() or place.is_dir():
        return None
    commit = (read_own(place) or packed_refs(common_dir, ref).get(ref, b"")).rstrip(b"\n")
    return (commit.decode(), ref.removeprefix("refs/heads/")) if ID.fullmatch(commit) else None


def uses_reftable(common_dir: Path) -> bool:
    """Return whether git keeps refs in another format than files."""
    return (common_dir / "reftable").exists()


def packed_refs(common_dir: Path, start: str) -> dict[str, bytes]:
    """Return the ids of the refs in the file packed-refs whose full names begin with ``start``, by
    these names; {} without the file. The id of a ref that is also a file of its own is the one in
    that file, which is not read here. OuroError if packed-refs cannot be read."""
    data = read_own(common_dir / "packed-refs", limit=limits.FILE) or b""
    wanted = os.fsencode(f" {start}")
    lines = data.splitlines() if wanted in data else ()
    pairs = (line.partition(b" ") for line in lines if wanted in line)
    return {
        os.fsdecode(ref): name
        for name, _, ref in pairs
        if ref.startswith(wanted[1:]) and ID.fullmatch(name)
    }


def write_object(common_dir: Path, kind: bytes, data: bytes, *, like: str) -> str:
    """Write an object of git's ``kind`` (``b"blob"``, ``b"tree"``) with these bytes as a loose one,
    flushed to disk, unless it is there; return its id, by the hash function that made the id
    ``like``. OSError if it cannot be written."""
    name = object_id(kind, data, like=like)
    objects = common_dir / "objects"
    folder = objects / name[:2]
    if not (folder / name[2:]).exists():
        if not folder.exists():
            folder.mkdir()
            folder.chmod(stat.S_IMODE(objects.stat().st_mode))  # others may share the repository
        import zlib  # most calls only read

        packed = zlib.compress(b"%b %d\0" % (kind, len(data)) + data, 1)
        write_whole(common_dir, f"objects/{name[:2]}/{name[2:]}", packed, mode=0o444)
    return name


def write_ref(common_dir: Path, ref: str, name: str) -> None:
    """Let a ref, given by its full name, name the object with this id; flushed to disk.

    OSError if it cannot be written: there is another format, a link on the way, or a lock that
    another process or one that was killed holds.
    """
    if uses_reftable(common_dir):
        raise OSError("git keeps refs in another format")
    place, lock = common_dir / ref, common_dir / f"{ref}.lock"
    handle = open_plain(common_dir, f"{ref}.lock", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(name.encode() + b"\n")
            file.flush()
            os.fsync(handle)
        lock.replace(place)
    except BaseException:
        lock.unlink(missing_ok=True)
        raise
