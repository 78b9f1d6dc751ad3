"""Make commits out of objects: HEAD, index and working tree stay as they are, and no hook runs."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import GitError
from pytest_ouro.evidence.git.client import run_git
from pytest_ouro.evidence.git.files import write_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.git.objects import Entry

#: Whom a commit names that nobody wrote.
_OURS = "pytest-ouro <pytest-ouro@localhost>"


def change_tree(git: Git, commit: str, changes: Mapping[str, Entry | None]) -> str:
    """Write the tree of a commit with ``changes``, and return its id. Each path, from the
    repository's top, gets the entry that it maps to; None removes it. Raise GitError if git
    fails."""
    lines = [
        f"{entry.mode} {entry.blob}\t{path}\0" if entry else f"0 {'0' * len(commit)}\t{path}\0"
        for path, entry in changes.items()
    ]
    with TemporaryDirectory(prefix="ouro-") as folder:
        index = str(Path(folder, "index"))
        run_git("read-tree", commit, cwd=git.top, index=index)
        data = "".join(lines).encode(errors="surrogateescape")
        run_git("update-index", "-z", "--index-info", cwd=git.top, index=index, stdin=data)
        return run_git("write-tree", cwd=git.top, index=index).decode().strip()


def make_commit(
    git: Git, tree: str, parents: Sequence[str], message: str, *, author: str = "", time: str = ""
) -> str:
    """Write a commit and return its id; no ref names it. ``tree`` and ``parents`` are full ids.

    ``author`` is ``Name <mail>``, and ``time`` seconds since 1970 and a time zone, such as
    ``1700000000 +0000``; without them they are pytest-ouro and the committer's time of the first
    parent, so that the same call makes the same commit. Raise GitError if a parent is missing,
    OSError if the commit cannot be written.
    """
    when = time or committed_at(git, parents[0])
    lines = [
        f"tree {tree}",
        *(f"parent {parent}" for parent in parents),
        f"author {author or _OURS} {when}",
        f"committer {_OURS} {when}",
        "",
        message.rstrip("\n") + "\n",
    ]
    data = "\n".join(lines).encode(errors="surrogateescape")
    return write_object(git.common_dir, b"commit", data, like=tree)


def committed_at(git: Git, commit: str) -> str:
    """Return the time at which a commit was made: seconds since 1970 and the time zone; "0 +0000"
    if it does not say. Raise GitError if the commit is missing or damaged."""
    head = git.store.read(commit).partition(b"\n\n")[0]
    words = head.partition(b"\ncommitter ")[2].partition(b"\n")[0].decode(errors="replace").split()
    return " ".join(words[-2:]) if len(words) > 2 else "0 +0000"


def write_blob(git: Git, data: bytes) -> str:
    """Write the content of a file as an object, and return its id. Raise OSError if it cannot be
    written."""
    return write_object(git.common_dir, b"blob", data, like=git.head or "0" * 40)


def merge_contents(git: Git, base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """Return ``ours`` with the changes from ``base`` to ``theirs``, merged line by line as git
    merges; None if changes conflict, or a content is binary."""
    with TemporaryDirectory(prefix="ouro-") as folder:
        paths = [Path(folder, name) for name in ("ours", "base", "theirs")]
        for path, data in zip(paths, (ours, base, theirs), strict=True):
            path.write_bytes(data)
        try:
            return run_git("merge-file", "-p", "-q", *map(str, paths), cwd=git.top)
        except GitError:
            return None
