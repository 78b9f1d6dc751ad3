"""A clean working tree of the commit under test: what is measured is what is committed."""

from __future__ import annotations

import contextlib
import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import ExperimentError, GitError
from pytest_ouro.experiment.supervision.processes import alive
from pytest_ouro.experiment.terms import repo, temp_folders
from pytest_ouro.experiment.terms.names import cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_ouro.evidence.git.client import Git


@contextmanager
def checkout(git: Git, commit: str, *, role: str = "tried") -> Iterator[Path]:
    """The commit's files in a folder of their own, gone afterwards; one folder a ``role``."""
    name = hashlib.sha256(os.fsencode(git.common_dir)).hexdigest()[:12]
    folder = cache_folder() / "worktrees" / name / f"{role}-{commit[:12]}-{os.getpid()}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_the_dead(git, folder.parent)
        temp_folders.remove(folder)
        repo.add_worktree(git, folder, commit)
        for compiled in folder.rglob("*.py[co]"):
            compiled.unlink()  # a committed .pyc would be run in place of its source
    except (GitError, OSError) as error:
        _remove(git, folder)
        words = error.message if isinstance(error, GitError) else error.strerror or error
        raise ExperimentError(
            f"no clean worktree of {commit[:7]} in {folder.parent}: {words}",
            help="fix the folder's permissions, or set XDG_CACHE_HOME to one with room",
        ) from None
    try:
        yield folder
    finally:
        _remove(git, folder)


def _remove(git: Git, folder: Path) -> None:
    """The folder and what git knows of it."""
    with contextlib.suppress(GitError):
        repo.remove_worktree(git, folder)
    temp_folders.remove(folder)


def _remove_the_dead(git: Git, parent: Path) -> None:
    """Worktrees of ours whose process was killed; a person's own are not touched."""
    for folder in repo.worktrees(git):
        process = folder.name.rpartition("-")[2]
        if folder.parent == parent.resolve() and process.isdigit() and not alive(int(process)):
            _remove(git, folder)
