"""Add, list and remove the working trees of a repository by writing git's own files: git itself
takes several processes for it.

A working tree has an *entry*: the folder ``worktrees/NAME`` in the common git folder, which the
file ``.git`` of the working tree names; see gitrepository-layout(5), and gitformat-index(5) for its
index.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.plain_file import write_new
from pytest_ouro.evidence.content import read_own
from pytest_ouro.experiment.terms import temp_folders

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_ouro.evidence.git.objects import Entry

_ENTRIES = "worktrees"


def add(common_dir: Path, folder: Path, commit: str, files: Mapping[str, Entry]) -> None:
    """Make the new folder ``folder`` a working tree with HEAD at a commit (full id), and ``files``
    (by path) as its index; its entry in ``common_dir`` has the folder's name.

    The files themselves are not written. Raise OSError if the folder or its entry exists, or if a
    folder on the way to the entry is a link; what was made before stays.
    """
    folder.mkdir()
    entry = f"{_ENTRIES}/{folder.name}"
    parts = {
        "gitdir": os.fsencode(folder.resolve() / ".git") + b"\n",
        "commondir": b"../..\n",
        "index": index(files, like=commit),
        "HEAD": commit.encode() + b"\n",
    }
    write_new(common_dir, entry, parts)
    write_new(folder, ".", {".git": b"gitdir: " + os.fsencode(common_dir / entry) + b"\n"})


def names(common_dir: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name of each linked working tree's entry (a folder ``worktrees/NAME`` in
    ``common_dir``, the common git folder), with the folder of that working tree, which may be
    missing; sorted by name. An entry may state the path of its working tree relative to itself.

    Entries that cannot be read are left out; without a folder ``worktrees`` nothing is yielded.
    """
    try:
        entries = sorted(os.listdir(common_dir / _ENTRIES))  # noqa: PTH208
    except OSError:
        return
    for name in entries:
        with contextlib.suppress(OuroError):  # it was not written by git or us
            entry = common_dir / _ENTRIES / name
            if named := read_own(entry / "gitdir"):
                path = os.path.normpath(entry / os.fsdecode(named.rstrip(b"\n")))
                yield name, Path(path).parent


def remove(common_dir: Path, name: str, folder: Path) -> None:
    """Remove ``folder``, the folder of a working tree, and its entry ``name`` in ``common_dir``,
    whatever a run made of them; also ``worktrees``, the folder of all entries, if it is empty then.

    What does not exist or cannot be removed is ignored.
    """
    temp_folders.remove(common_dir / _ENTRIES / name)
    with contextlib.suppress(OSError):  # others are left
        (common_dir / _ENTRIES).rmdir()
    temp_folders.remove(folder)


def index(files: Mapping[str, Entry], *, like: str) -> bytes:
    """Return the bytes of git's index file for these files, by path relative to the repository's
    top.

    Its checksum is computed by the hash function of the id ``like``, SHA-1 or SHA-256. Like an
    index that ``git read-tree`` writes, it holds no times and sizes, so that git reads every file
    to compare it.
    """
    paths = sorted((os.fsencode(path), entry) for path, entry in files.items())
    parts = [b"DIRC" + struct.pack(">II", 2, len(paths))]
    for path, entry in paths:
        mode = 0o100644 if entry.mode == "100664" else int(entry.mode, 8)
        head = struct.pack(">10I", *(0,) * 6, mode, 0, 0, 0) + bytes.fromhex(entry.blob)
        whole = head + struct.pack(">H", min(len(path), 0xFFF)) + path
        parts.append(whole + b"\0" * (8 - len(whole) % 8))
    data = b"".join(parts)
    return data + (hashlib.sha1 if len(like) == 40 else hashlib.sha256)(data).digest()
