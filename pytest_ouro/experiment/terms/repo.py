"""Read and change the refs, branches, index and working trees of a repository; no other module
imports GitPython.

What every run needs is called without it, since its import takes longer than those calls. Git is
called as the gate calls it: no hook, no filter and no other program that the repository configures
runs, and no ``GIT_*`` variable is passed on. If git fails, every function except ``branch_of``
raises GitError.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import GitError
from pytest_ouro.evidence.git.client import command, environment
from pytest_ouro.evidence.git.files import write_ref
from pytest_ouro.evidence.git.special_files import refuse_what_blocks
from pytest_ouro.messages import git as messages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.git.objects import Entry

#: Seconds that a call may take. A call that waits for a pipe would never end.
_PATIENCE = 120


def refs(git: Git, prefix: str) -> dict[str, str]:
    """Return a dict from the full name of each ref below ``prefix``, such as ``refs/ouro/``, to the
    id that it names; {} if there are none. Raise GitError if git fails."""
    listed = git.call("for-each-ref", "--format=%(refname) %(objectname)", prefix)
    return dict(line.split(" ", 1) for line in os.fsdecode(listed).split("\n")[:-1])


def set_ref(git: Git, ref: str, commit: str) -> None:
    """Let a ref, given by its full name, name the commit with the full id ``commit``; it is created
    or moved. Raise GitError if no commit has this id, or git fails."""
    git.store.commit(commit)
    try:
        write_ref(git.common_dir, ref, commit)
    except OSError:  # such as a lock that another process holds, for which git waits
        git.call("update-ref", ref, commit)


def delete_ref(git: Git, ref: str) -> None:
    """Delete a ref by its full name; do nothing if there is none. Raise GitError if git fails."""
    git.call("update-ref", "-d", ref)


def branch_of(git: Git, name: str) -> str:
    """Return the branch that ``name`` names (HEAD: the current one), without ``refs/heads/``; "" if
    it names no branch, or git fails."""
    try:
        full = _call(git.top, "rev-parse", "--symbolic-full-name", name)
    except GitError:
        return ""
    return full.removeprefix("refs/heads/") if full.startswith("refs/heads/") else ""


def create(folder: Path, message: str) -> None:
    """Create a repository in a folder, and commit all its files, also those that git ignores.

    The author and the committer are pytest-ouro, the commit is not signed, and no hook is run.
    Raise GitError if git fails, as for a folder without files.
    """
    author = ("user.name=pytest-ouro", "user.email=pytest-ouro@localhost", "commit.gpgSign=false")
    _call(folder, "init", "--quiet", "--template=")
    _call(folder, "add", "--all", "--force")
    _call(folder, "commit", "--quiet", "--message", message, also=author)


def add_worktree(git: Git, folder: Path, commit: str) -> None:
    """Make ``folder`` a further working tree of the repository with a detached HEAD and an index at
    ``commit``; no file of the commit is written to it.

    Raise GitError if git fails.
    """
    _call(git.top, "worktree", "add", "--no-checkout", "--detach", "--force", str(folder), commit)
    _call(folder, "read-tree", commit)


def stage(git: Git, path: str, entry: Entry | None) -> None:
    """Set the entry of a path (from the repository's top) in the index, or remove it if ``entry``
    is None; the file at the path is neither read nor written. Raise GitError if git fails."""
    if entry is None:
        _call(git.top, "update-index", "--force-remove", "--", path)
    else:
        info = f"{entry.mode},{entry.blob},{path}"
        _call(git.top, "update-index", "--add", "--cacheinfo", info)


def move_branch(git: Git, *, to: str) -> None:
    """Move the current branch from the commit ``git.head`` to the commit ``to``; the index and the
    files stay as they are.

    With a detached HEAD, only HEAD moves. Raise GitError if the branch is not at ``git.head`` any
    more.
    """
    _call(git.top, "update-ref", "-m", "pytest-ouro: settle", "HEAD", to, git.head)


def _call(folder: Path, *args: str, also: tuple[str, ...] = ()) -> str:
    """Run git in ``folder`` and return its output as text; ``also`` are further settings
    (``key=value``).

    Raise GitError if git is not installed, fails, or has not ended after ``_PATIENCE`` seconds;
    OuroError that names the file, if a pipe or a device among git's files is the reason.
    """
    with _our_environment():
        from git import Git as Program
        from git.exc import GitCommandNotFound

        try:
            status, said, error = Program(folder).execute(
                command(*args, cwd=folder, also=also),
                env=environment(),
                with_extended_output=True,
                with_exceptions=False,
                kill_after_timeout=_PATIENCE,
            )
        except GitCommandNotFound:
            raise messages.not_installed() from None
    if status and str(error).startswith("Timeout: "):
        refuse_what_blocks(folder)
        raise messages.silent()
    if status:
        words = str(error).strip().splitlines() or ["no message"]
        raise messages.failed(args[0], words[-1])
    return str(said)


@contextlib.contextmanager
def _our_environment() -> Iterator[None]:
    """Replace this process's environment by `client.environment`, that of git calls, until the
    context ends.

    GitPython itself only adds variables to this process's, and runs git when it is imported.
    """
    before, ours = dict(os.environ), environment()
    try:
        os.environ.clear()
        os.environ.update(ours)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
