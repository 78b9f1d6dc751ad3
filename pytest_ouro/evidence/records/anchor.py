"""The journal's second copy: ``refs/ouro/journal`` names a tree of git's with a file a line.

An editor of the journal's file does not reach it. Whether the file is what was recorded is told
from the ref alone: the id of the tree follows from the lines.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import GitError
from pytest_ouro.evidence.git.client import run_git

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

REF = "refs/ouro/journal"

#: What is written must outlive a loss of power as the journal does.
_DURABLE = ("core.fsync=loose-object,reference",)


def _call(folder: Path, *args: str, told: bytes = b"") -> bytes:
    return run_git("--git-dir=.", *args, cwd=folder, also=_DURABLE, stdin=told)


def exists(folder: Path) -> bool:
    """Whether the ref may be there, without a call of git's. ``folder`` is the common git folder.

    Only where git keeps refs as files, which is its default.
    """
    if folder.joinpath(*REF.split("/")).exists():
        return True
    with contextlib.suppress(OSError):
        return f" {REF}\n".encode() in (folder / "packed-refs").read_bytes()
    return False


def refs(folder: Path) -> dict[str, str]:
    """All refs of ours, with the ids of what they name."""
    told = _call(folder, "for-each-ref", "--format=%(refname) %(objectname)", "refs/ouro/")
    return dict(line.split(" ", 1) for line in told.decode().splitlines())


def tree(lines: Sequence[bytes], digits: int) -> str:
    """The id of the tree that holds these lines; ``digits`` are those of git's ids, 40 or 64."""
    entries = b"".join(
        b"100644 %s\0" % name.encode() + bytes.fromhex(_blob(line, digits))
        for name, line in _named(lines)
    )
    return _id(b"tree", entries, digits)


def write(folder: Path, lines: Sequence[bytes], before: str) -> None:
    """Make these the lines that git holds. ``before`` is what the ref names now, "" for nothing."""
    known = bool(before) and tree(lines[:-1], len(before)) == before
    for line in lines[-1:] if known else lines:
        _call(folder, "hash-object", "-w", "--stdin", told=line + b"\n")
    digits = len(before or _call(folder, "hash-object", "--stdin").strip())
    entries = "".join(
        f"100644 blob {_blob(line, digits)}\t{name}\n" for name, line in _named(lines)
    )
    made = _call(folder, "mktree", "--missing", told=entries.encode())
    name(folder, made.decode().strip())


def name(folder: Path, tree: str) -> None:
    """Let the ref name this tree; "" removes it. Only who holds the journal's lock may call it."""
    command = ("update-ref", REF, tree) if tree else ("update-ref", "-d", REF)
    try:
        _call(folder, *command)
    except GitError:  # a lock that a killed process left, or what a script put in the ref's place
        place = folder.joinpath(*REF.split("/"))
        place.with_name(f"{place.name}.lock").unlink(missing_ok=True)
        if place.is_dir():
            shutil.rmtree(place, ignore_errors=True)
        _call(folder, *command)


def read(folder: Path, tree_id: str) -> list[bytes] | None:
    """The lines that a tree holds; None where git has lost it, or it is no copy of a journal."""
    try:
        listed = _call(folder, "ls-tree", tree_id).decode(errors="replace").splitlines()
        ids = [line.split("\t")[0].split(" ")[-1] for line in listed]
        told = _call(folder, "cat-file", "--batch", told="".join(f"{i}\n" for i in ids).encode())
    except GitError:
        return None
    lines, at = [], 0
    for _ in ids:
        start = told.find(b"\n", at) + 1
        words = told[at:start].split()
        if len(words) != 3:
            return None
        end = start + int(words[2])
        lines.append(told[start:end].removesuffix(b"\n"))
        at = end + 1
    return lines if tree(lines, len(tree_id)) == tree_id else None


def _named(lines: Sequence[bytes]) -> list[tuple[str, bytes]]:
    """Each line with the name of its file: its number, so that git's order is the journal's."""
    return [(f"{number:08}", line) for number, line in enumerate(lines, start=1)]


def _blob(line: bytes, digits: int) -> str:
    return _id(b"blob", line + b"\n", digits)


def _id(kind: bytes, data: bytes, digits: int) -> str:
    """The id that git gives an object."""
    new = hashlib.sha1 if digits == 40 else hashlib.sha256
    return new(b"%s %d\0" % (kind, len(data)) + data, usedforsecurity=False).hexdigest()
