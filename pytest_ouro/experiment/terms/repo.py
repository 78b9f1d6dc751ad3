"""Refs and working trees, read and changed by GitPython; no other module imports it.

Git is called as the gate calls it: no hook, no filter and no other program that the repository
configures runs, and no ``GIT_*`` variable is passed on. Every function raises GitError.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import GitError
from pytest_ouro.evidence.git.client import command, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.git.objects import Entry


def refs(git: Git, prefix: str) -> dict[str, str]:
    """The commits that the refs below ``prefix`` name, by ref."""
    listed = _call(git.top, "for-each-ref", "--format=%(refname) %(objectname)", prefix)
    return dict(line.split(" ", 1) for line in listed.splitlines())


def set_ref(git: Git, ref: str, commit: str) -> None:
    _call(git.top, "update-ref", ref, commit)


def branch_of(git: Git, name: str) -> str:
    """The branch that ``name`` names, without ``refs/heads/``; "" where it names none."""
    try:
        full = _call(git.top, "rev-parse", "--symbolic-full-name", name)
    except GitError:
        return ""
    return full.removeprefix("refs/heads/") if full.startswith("refs/heads/") else ""


def create(folder: Path, message: str) -> None:
    """Make a repository of a folder, with all its files in one commit."""
    author = ("user.name=pytest-ouro", "user.email=pytest-ouro@localhost", "commit.gpgSign=false")
    _call(folder, "init", "--quiet", "--template=")
    _call(folder, "add", "--all", "--force")
    _call(folder, "commit", "--quiet", "--message", message, also=author)


def worktrees(git: Git) -> list[Path]:
    """The folder of every working tree of the repository."""
    lines = _call(git.top, "worktree", "list", "--porcelain").splitlines()
    return [Path(s.removeprefix("worktree ")) for s in lines if s.startswith("worktree ")]


def add_worktree(git: Git, folder: Path, commit: str) -> None:
    """Make a working tree at a commit, without its files."""
    _call(git.top, "worktree", "add", "--no-checkout", "--detach", "--force", str(folder), commit)


def fill_index(folder: Path, commit: str) -> None:
    """Set the index of a working tree to a commit."""
    _call(folder, "read-tree", commit)


def remove_worktree(git: Git, folder: Path) -> None:
    _call(git.top, "worktree", "remove", "--force", str(folder))


def stage(git: Git, path: str, entry: Entry | None) -> None:
    """Set a path's entry in the index; None removes it. No file is read or written."""
    if entry is None:
        _call(git.top, "update-index", "--force-remove", "--", path)
    else:
        info = f"{entry.mode},{entry.blob},{path}"
        _call(git.top, "update-index", "--add", "--cacheinfo", info)


def move_branch(git: Git, *, to: str) -> None:
    """Move the branch that is checked out from ``git.head`` to a commit; GitError if it is at
    another commit by now."""
    _call(git.top, "update-ref", "-m", "pytest-ouro: settle", "HEAD", to, git.head)


def _call(folder: Path, *args: str, also: tuple[str, ...] = ()) -> str:
    """Standard output of one git command in ``folder``. ``also`` are further settings."""
    with _our_environment():
        from git import Git as Program
        from git.exc import GitCommandNotFound

        try:
            status, said, error = Program(folder).execute(
                command(*args, cwd=folder, also=also),
                env=environment(),
                with_extended_output=True,
                with_exceptions=False,
            )
        except GitCommandNotFound:
            raise GitError("git is not installed", help="install git and run again") from None
    if status:
        words = str(error).strip().splitlines() or ["no message"]
        raise GitError(f"git {args[0]} failed: {words[-1]}")
    return str(said)


@contextlib.contextmanager
def _our_environment() -> Iterator[None]:
    """The environment of git's calls as the process's own: GitPython adds to that, takes nothing
    out of it, and runs git when it is imported."""
    before, ours = dict(os.environ), environment()
    for name in before.keys() - ours.keys():
        del os.environ[name]
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
