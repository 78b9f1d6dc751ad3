"""Write the tried or trusted commit into a clean working tree, so that what is measured is what is
committed."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_ouro.evidence.cache import cache_folder, make_cache_folder
from pytest_ouro.experiment.steps.write_tree import TreeWriter
from pytest_ouro.experiment.supervision import processes
from pytest_ouro.experiment.terms import repo, working_tree
from pytest_ouro.messages import checkout as messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_ouro.evidence.git.client import Git


@contextmanager
def checkout(
    git: Git,
    commit: str,
    *,
    role: str = "tried",
    leave_out: Callable[[str], bool] = lambda path: False,
) -> Iterator[Path]:
    """Write the files of a commit into a new working tree of the repository, in the cache folder,
    and yield its folder; remove it when the context ends.

    ``role`` becomes a part of the folder's name. Paths for which ``leave_out`` returns true are not
    written, nor is compiled Python, which would be run in place of its source. Raise
    ExperimentError if a file cannot be written as it is committed, or at all; GitError if git
    fails, or refuses one of the paths; LimitError if the tree is too large.
    """
    folder = trees_of(git.common_dir) / f"{role}-{commit[:12]}-{os.getpid()}"
    try:
        _write(git, commit, folder, lambda path: path.endswith((".pyc", ".pyo")) or leave_out(path))
        yield folder
    finally:
        working_tree.remove(git.common_dir, folder.name, folder)


def trees_of(common_dir: Path) -> Path:
    """Return the folder of the cache in which the working trees of runs lie, for the repository
    with this common git folder; it may not exist."""
    name = hashlib.sha256(os.fsencode(common_dir)).hexdigest()[:12]
    return cache_folder() / "worktrees" / name


def _write(git: Git, commit: str, folder: Path, leave_out: Callable[[str], bool]) -> None:
    """Add a working tree at ``folder`` without files, then write the files of the commit from git's
    objects, except paths for which ``leave_out`` returns true.

    A tree of the same name, and the trees of processes that have ended, are removed first. Raise
    ExperimentError if the disk refuses something, or a file cannot be written as committed;
    GitError if git fails; LimitError if the tree is too large.
    """
    try:
        make_cache_folder("worktrees", folder.parent.name)
        _remove_abandoned(git, folder.parent)
        working_tree.remove(git.common_dir, folder.name, folder)
        tree = git.store.commit(commit)[0]
        if (git.common_dir / "reftable").exists():  # git keeps HEAD in a format of its own
            repo.add_worktree(git, folder, commit)
        else:
            working_tree.add(git.common_dir, folder, commit, git.tree(commit))
        writer = TreeWriter(git.store, git.common_dir / "lfs" / "objects", leave_out)
        writer.write(tree, folder)
    except OSError as error:
        why = str(error.strerror or error)
        raise messages.failed(commit, str(folder.parent), why) from None


def _remove_abandoned(git: Git, parent: Path) -> None:
    """Remove the working trees in the folder ``parent`` whose process, named by the last part of
    the tree's name, has ended without removing them."""
    for name, folder in [*working_tree.names(git.common_dir)]:
        pid = folder.name.rpartition("-")[2]
        has_ended = pid.isdigit() and not processes.alive(int(pid))
        if has_ended and folder.parent == parent.resolve():
            working_tree.remove(git.common_dir, name, folder)
