"""A clean working tree of the commit under test: what is measured is what is committed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.errors import ExperimentError
from pytest_ouro.evidence.git import environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.git import Git


def cache_folder() -> Path:
    """Where pytest-ouro keeps what can be made again: ``$XDG_CACHE_HOME/pytest-ouro``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "pytest-ouro")


@contextmanager
def checkout(git: Git, commit: str) -> Iterator[Path]:
    """The commit's files in a folder of their own, gone afterwards.

    No hook and no filter that the repository configured runs.
    """
    from git import Repo
    from git.exc import GitCommandError

    name = hashlib.sha256(os.fsencode(git.common_dir)).hexdigest()[:12]
    folder = cache_folder() / "worktrees" / name / f"{commit[:12]}-{os.getpid()}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    settings = [f"core.hooksPath={os.devnull}", "core.fsmonitor=false", "core.autocrlf=false"]
    filters = git.line("config", "--name-only", "--get-regexp", r"^filter\..*\.(smudge|process)$")
    settings += [f"{key}=" for key in filters.split()]
    required = git.line("config", "--name-only", "--get-regexp", r"^filter\..*\.required$")
    settings += [f"{key}=false" for key in required.split()]
    with Repo(git.top) as repo:
        call = repo.git(c=settings)
        try:
            call.worktree("prune", env=environment())
            call.worktree("add", "--detach", "--force", str(folder), commit, env=environment())
        except GitCommandError as error:
            words = str(error.stderr).strip().strip("'").splitlines()
            raise ExperimentError(
                f"no clean worktree of {commit[:7]} in {folder.parent}: "
                f"{words[-1] if words else 'git failed'}",
                help="mend the folder's permissions, or set XDG_CACHE_HOME to one with room",
            ) from None
        for compiled in folder.rglob("*.py[co]"):
            compiled.unlink()  # a committed .pyc would be run in place of its source
        try:
            yield folder
        finally:
            with contextlib.suppress(GitCommandError):
                call.worktree("remove", "--force", str(folder), env=environment())
            shutil.rmtree(folder, ignore_errors=True)
