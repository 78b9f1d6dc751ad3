"""Submodules: whether their folders hold what the index says of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_ouro.errors import GitError
from pytest_ouro.evidence.git import Git

if TYPE_CHECKING:
    from pathlib import Path


def differs(folder: Path, commit: str) -> bool:
    """Whether the folder of a submodule holds other files than the commit that is recorded.

    One that is not checked out, an empty folder or none, holds nothing. Untracked files in it do
    not count: what is built there is no change.
    """
    from pytest_ouro.evidence.repository import Repository

    try:
        if folder.is_symlink() or not folder.is_dir():
            return os.path.lexists(folder)
        if not any(folder.iterdir()):
            return False
        git = Git.discover(folder)
        if git.top.resolve() != folder.resolve():
            return True  # files of nobody's
        repository = Repository(git)
        try:
            return git.head != commit or bool(repository.staged or repository.unstaged())
        finally:
            git.close()
    except (GitError, OSError):
        return True
