"""Keep a copy of the journal in git: the ref ``refs/ouro/journal`` names a tree with one file for
each line.

An edit of the journal's file does not change the copy. To compare the two no object is read: the id
of the tree follows from the lines. In each function, ``folder`` is the git folder that all working
trees share. The gate loads this module and not the records themselves, which is why `Fault` is
defined here.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import GitError
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.content import is_id, read_own
from pytest_ouro.evidence.git.client import command, environment, run_git
from pytest_ouro.evidence.git.files import (
    packed_refs,
    read_head,
    uses_reftable,
    write_object,
    write_ref,
)
from pytest_ouro.evidence.git.objects import Objects, object_id
from pytest_ouro.messages import records as messages

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_OURS = "refs/ouro"
REF = f"{_OURS}/journal"
#: The refs that keep the tried commits reachable: this, and the number of the started line.
TRIED = f"{_OURS}/tried/"
#: The refs that count the looks at a baseline: this, the kind of statement, the id of the night's
#: first commit and the number of the look, with ``-of-N`` if N were stated. They name the tip.
LOOKS = f"{_OURS}/looks/"

#: The copy must survive a loss of power, as the journal does.
_DURABLE = ("core.fsync=loose-object,reference",)


@dataclass(frozen=True)
class Fault:
    """How the journal's file differs from what was recorded: the line (from 1; 0 if the file has
    none), what is wrong, the expected and actual value ("" if not applicable), and how to fix
    it."""

    line: int
    headline: str
    expected: str = ""
    actual: str = ""
    help: str = ""


def lost() -> Fault:
    """Return the fault for a copy in git that cannot be read."""
    headline = "what git holds of the journal cannot be read"
    return Fault(1, headline, help=messages.ACCEPT_FILE)


def _call(folder: Path, *args: str, stdin: bytes = b"") -> bytes:
    """Run ``git ARGS`` in the git folder, with ``stdin`` as its standard input and what it writes
    flushed to disk; return its standard output. Raise GitError if it fails."""
    return run_git("--git-dir=.", *args, cwd=folder, also=_DURABLE, stdin=stdin)


def exists(folder: Path) -> bool:
    """Return whether git has a copy of the journal: whether the ref refs/ouro/journal exists, which
    names a tree with all lines of the journal. Git is called only if refs are not kept as files.
    Raise GitError if git fails, OuroError if packed-refs cannot be read."""
    if uses_reftable(folder):
        return REF in refs(folder)
    return (folder / REF).exists() or REF in packed_refs(folder, REF)


def read_held(folder: Path) -> str:
    """Return the id of the tree that is the journal's copy, as the ref refs/ouro/journal names it;
    "" if there is no such ref. Git is called only if its files do not show the id. Raise GitError
    if git fails, OuroError if a file cannot be read."""
    place = f"{folder}/{REF}"  # texts: this is asked nine times in a run
    if not (uses_reftable(folder) or os.path.islink(place) or os.path.islink(f"{folder}/{_OURS}")):
        found = b"" if os.path.isdir(place) else (read_own(place) or b"").rstrip(b"\n")
        found = found or packed_refs(folder, REF).get(REF, b"")
        if not found or (is_id(found) and _is_loose(folder, found.decode())):
            return found.decode()
    return refs(folder).get(REF, "")


def refs(folder: Path) -> dict[str, str]:
    """Return the object id of each ref in refs/ouro/, by its full name; {} if there are none. Git
    is called only if its files do not show them. Raise GitError if it fails, OuroError if a file
    cannot be read."""
    found = _read_refs(folder)
    if found is not None:
        return found
    listed = _call(folder, "for-each-ref", "--format=%(refname) %(objectname)", "refs/ouro/")
    return dict(line.split(" ", 1) for line in os.fsdecode(listed).split("\n")[:-1])


def tried_number(ref: str) -> int | None:
    """Return the number n if ``ref`` is ``refs/ouro/tried/<n>``, the full name of a ref of a tried
    commit; None for any other text. A number with a zero in front or more than 16 digits gives
    None, so that no two refs have the same number."""
    match = re.fullmatch(rf"{TRIED}([1-9][0-9]{{0,15}})", ref)
    return int(match[1]) if match else None


def _read_refs(folder: Path) -> dict[str, str] | None:
    """Return the object id of each ref in refs/ouro/ by its full name, read from git's files
    without calling git; {} if there are none. Return None if git must be asked: refs are not kept
    as files, a ref is a link or not an id, or the tree that refs/ouro/journal names is not in a
    file of its own, so that the files do not show whether git has it."""
    if uses_reftable(folder) or any(os.path.islink(f"{folder}/{at}") for at in ("refs", _OURS)):
        return None
    packed = packed_refs(folder, f"{_OURS}/")
    found = {ref: name.decode() for ref, name in packed.items()}
    todo = [_OURS] if os.path.isdir(f"{folder}/{_OURS}") else []
    for at in todo:  # the folders below are added
        with os.scandir(f"{folder}/{at}") as entries:
            for entry in entries:
                ref = f"{at}/{entry.name}"
                if entry.is_symlink():
                    return None
                if entry.is_dir():
                    todo.append(ref)
                elif not ref.endswith(".lock"):
                    stated = (read_own(entry.path) or b"").rstrip(b"\n")
                    if not is_id(stated):
                        return None
                    found[ref] = stated.decode()
    named = found.get(REF, "")
    return found if not named or _is_loose(folder, named) else None


def _is_loose(folder: Path, name: str) -> bool:
    """Return whether git has the object with this id as a loose one, in a file of its own."""
    return os.path.isfile(f"{folder}/objects/{name[:2]}/{name[2:]}")


def tree(lines: Sequence[bytes], *, like: str) -> str:
    """Compute the id of the git tree that would hold these journal lines (without newlines), by
    SHA-256 if the id ``like`` has 64 digits, otherwise by SHA-1. Nothing is read or written."""
    return object_id(b"tree", _entries(lines, like), like=like)


#: By the number of digits of the ids: the lines whose ids were computed last, and these ids. The
#: trees of a journal are computed often in a run, and it only grows.
_computed: dict[int, tuple[list[bytes], list[str]]] = {}


def _ids(lines: Sequence[bytes], like: str) -> list[str]:
    """Return the git id of the file that holds each line and its newline, by the hash function of
    the id ``like``."""
    known, ids = _computed.get(len(like), ([], []))
    same = min(len(known), len(lines))
    if [*lines[:same]] != known[:same]:
        pairs = enumerate(zip(lines, known, strict=False))
        same = next(at for at, (one, other) in pairs if one != other)
    ids = [*ids[:same], *(object_id(b"blob", one + b"\n", like=like) for one in lines[same:])]
    _computed[len(like)] = [*lines], ids
    return ids


def _entries(lines: Sequence[bytes], like: str) -> bytes:
    """Return the bytes of the git tree that holds these lines, one file for each, with ids as
    `tree` makes them. Each file's name is the line's number, so that git's order is the
    journal's."""
    return b"".join(
        b"100644 %08d\0" % number + bytes.fromhex(blob)
        for number, blob in enumerate(_ids(lines, like), start=1)
    )


def write(folder: Path, lines: Sequence[bytes], before: str) -> None:
    """Write these journal lines to git as a tree, and set the ref of the journal's copy to that
    tree. ``before`` is the id of the tree that the ref names now ("": no ref). If that tree holds
    all lines but the last, only the last line and the tree are written. Raise GitError if git
    fails."""
    known = bool(before) and tree(lines[:-1], like=before) == before
    new = lines[-1:] if known else lines
    head, _ = read_head(folder, folder) or ("", "")
    like = before or head or _call(folder, "hash-object", "--stdin").decode().strip()
    try:
        for line in new:
            write_object(folder, b"blob", line + b"\n", like=like)
        name(folder, write_object(folder, b"tree", _entries(lines, like), like=like))
    except OSError:  # such as a link in the place of a folder, which git follows
        name(folder, _write_by_git(folder, lines, new, like))


def _write_by_git(folder: Path, lines: Sequence[bytes], new: Sequence[bytes], like: str) -> str:
    """Write the lines ``new`` and the tree of all ``lines`` by calling git; return the tree's id.
    Raise GitError if git fails."""
    for line in new:
        _call(folder, "hash-object", "-w", "--stdin", stdin=line + b"\n")
    entries = "".join(
        f"100644 blob {blob}\t{number:08}\n"
        for number, blob in enumerate(_ids(lines, like), start=1)
    )
    return _call(folder, "mktree", "--missing", stdin=entries.encode()).decode().strip()


def name(folder: Path, tree: str) -> None:
    """Set the ref of the journal's copy to this tree id, or delete the ref if ``tree`` is "". The
    caller holds the journal's lock.

    If git cannot do that, remove what is in the way (a leftover lock file, a folder in the ref's
    place), and try once more. Raise GitError if that fails too.
    """
    if tree:
        with contextlib.suppress(OSError):
            write_ref(folder, REF, tree)
            return
    update = ("update-ref", REF, tree) if tree else ("update-ref", "-d", REF)
    try:
        _call(folder, *update)
    except GitError:  # a lock that a killed process left, or what a script put in the ref's place
        place = folder / REF
        place.with_name(f"{place.name}.lock").unlink(missing_ok=True)
        if place.is_dir():
            import shutil  # it loads every compression module

            shutil.rmtree(place, ignore_errors=True)
        _call(folder, *update)


def read(folder: Path, tree_id: str) -> list[bytes] | None:
    """Return the journal lines in the tree with the id ``tree_id``, oldest first, without newlines.
    Return None if git lacks the tree or a part of it, or if the tree is not a copy of a journal.
    Raise LimitError if it is too large, OSError if git is missing."""
    batch = command("--git-dir=.", "cat-file", "--batch", cwd=folder)
    with contextlib.closing(Objects(batch, environment())) as store:
        try:
            blobs = [store.read(entry.blob) for entry in store.folder(tree_id).values()]
        except GitError:
            return None
    lines = [blob.removesuffix(b"\n") for blob in blobs]
    return lines if tree(lines, like=tree_id) == tree_id else None
