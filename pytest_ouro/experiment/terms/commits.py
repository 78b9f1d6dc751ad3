"""Write trees, commits and branches to a repository, without a hook, an index or a working tree."""

from __future__ import annotations

import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from pytest_ouro.core import limits
from pytest_ouro.core.errors import GitError
from pytest_ouro.evidence.git.client import run_git
from pytest_ouro.evidence.git.objects import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ouro.evidence.git.client import Git

_FOLDER = "40000"
#: The headers of a commit that a new commit takes over; not its signature, which is of its bytes.
_TAKEN_OVER = (b"author ", b"committer ", b"encoding ")
#: A line such as ``Signed-off-by: name``, of which the last paragraph of a message may consist.
_TRAILER = re.compile(rb"[A-Za-z0-9-]+: \S.*")


def write_tree(git: Git, base: str, changes: Mapping[str, Entry | None]) -> str:
    """Write a tree that is equal to that of the commit ``base`` (full id), except that each path in
    ``changes``, relative to the repository's top, has this entry, or does not exist (None). Return
    its full id. Raise GitError if git fails, or a tree is missing or damaged."""
    tree = git.store.commit(base)[0]
    return _change(git, tree, changes) or _write(git, "tree", b"")


def _change(git: Git, tree: str, changes: Mapping[str, Entry | None]) -> str:
    """Write the tree ``tree`` (full id, "" for an empty one) with ``changes``, whose paths are
    relative to it, and return its id; "" if nothing is left in it."""
    entries = dict(git.store.folder(tree)) if tree else {}
    below: dict[str, dict[str, Entry | None]] = {}
    for path, entry in changes.items():
        name, slash, rest = path.partition("/")
        if slash:
            below.setdefault(name, {})[rest] = entry
        elif entry is None:
            entries.pop(name, None)
        else:
            entries[name] = entry
    for name, inner in below.items():
        there = entries.get(name)
        old = there.blob if there is not None and there.mode == _FOLDER else ""
        if new := _change(git, old, inner):
            entries[name] = Entry(_FOLDER, new)
        elif old:
            del entries[name]
    return _write(git, "tree", _tree_bytes(entries)) if entries else ""


def _tree_bytes(entries: Mapping[str, Entry]) -> bytes:
    """Return the bytes of the git tree with these entries, in git's order: by their bytes, where
    the name of a folder ends with a slash."""
    named = {os.fsencode(name): entry for name, entry in entries.items()}
    order = sorted(named, key=lambda name: name + b"/" * (named[name].mode == _FOLDER))
    return b"".join(
        b"%b %b\0" % (named[name].mode.encode(), name) + bytes.fromhex(named[name].blob)
        for name in order
    )


def write_commit(git: Git, *, tree: str, parent: str, like: str, message: bytes = b"") -> str:
    """Write a commit with the tree ``tree`` and the parent ``parent``, and return its full id.

    Author, committer and times are those of the commit ``like``, and so are the message and its
    encoding unless ``message``, which is UTF-8, replaces them. If ``like`` has this tree and parent
    already, and the message stays, no commit is written, and ``like`` is returned. All ids are
    full. Raise GitError if git fails or ``like`` is missing or damaged.
    """
    if not message and git.store.commit(like) == (tree, [parent]):
        return like
    head, _, text = git.store.read(like, limit=limits.COMMIT).partition(b"\n\n")
    headers = [line for line in head.split(b"\n") if line.startswith(_TAKEN_OVER)]
    if message:
        headers = [line for line in headers if not line.startswith(b"encoding ")]
    lines = (b"tree " + tree.encode(), b"parent " + parent.encode(), *headers)
    return _write(git, "commit", b"\n".join(lines) + b"\n\n" + (message or text))


def write_blob(git: Git, data: bytes) -> str:
    """Store the content of a file, and return its full id. Raise GitError if git fails."""
    return _write(git, "blob", data)


def merge_contents(git: Git, base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """Return ``ours`` with the changes from ``base`` to ``theirs``, merged line by line as git
    merges; None if changes conflict, a content is binary, or git fails."""
    with TemporaryDirectory(prefix="ouro-") as folder:
        paths = [Path(folder, name) for name in ("ours", "base", "theirs")]
        for path, data in zip(paths, (ours, base, theirs), strict=True):
            path.write_bytes(data)
        try:
            return run_git("merge-file", "-p", "-q", *map(str, paths), cwd=git.top)
        except GitError:
            return None


def message_of(git: Git, commit: str) -> bytes:
    """Return the message of a commit (full id) in UTF-8. If its encoding is not known, or not what
    the commit states, it is read as UTF-8, and bytes that are not are replaced. Raise GitError if
    the commit is missing or damaged."""
    head, _, text = git.store.read(commit, limit=limits.COMMIT).partition(b"\n\n")
    encoding = head.partition(b"\nencoding ")[2].partition(b"\n")[0]
    try:
        return text.decode(encoding.decode() or "utf-8").encode()
    except (LookupError, ValueError):
        return text.decode(errors="replace").encode()


def add_trailers(message: bytes, trailers: list[str]) -> bytes:
    """Return a message of a commit that ends with these lines, ``Key: value`` each, which follow
    the trailers that it has already, if it has any."""
    text = message.rstrip()
    *before, last = text.split(b"\n\n")
    joins = bool(before) and all(_TRAILER.fullmatch(line) for line in last.split(b"\n"))
    return text + (b"\n" if joins else b"\n\n") + "\n".join(trailers).encode() + b"\n"


def is_branch_name(git: Git, name: str) -> bool:
    """Return whether git allows a branch of this name."""
    return not name.startswith("-") and bool(
        git.line("check-ref-format", "--normalize", f"refs/heads/{name}") == f"refs/heads/{name}"
    )


def has_branch(git: Git, name: str) -> bool:
    """Return whether there is a branch of this name, or one whose name makes it impossible, as
    ``a`` does ``a/b``."""
    names = git.line("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads/").split("\n")
    return any(name == one or _is_above(name, one) or _is_above(one, name) for one in names if one)


def _is_above(one: str, other: str) -> bool:
    """Return whether ``other`` is a name in the folder ``one``."""
    return other.startswith(f"{one}/")


def create_branch(git: Git, name: str, commit: str) -> None:
    """Create a branch at the commit with the full id ``commit``. Raise GitError if there is one of
    this name, or git fails."""
    git.call("update-ref", "-m", "pytest-ouro: finalize", f"refs/heads/{name}", commit, _no(commit))


def _no(commit: str) -> str:
    """Return the id by which git knows that a ref must not exist, as long as the id ``commit``."""
    return "0" * len(commit)


def _write(git: Git, kind: Literal["blob", "tree", "commit"], data: bytes) -> str:
    """Store an object of this kind, which git examines, and return its full id. Raise GitError if
    git refuses it or fails."""
    stored = run_git("hash-object", "-t", kind, "-w", "--stdin", cwd=git.top, stdin=data)
    return stored.decode().strip()
