"""A clean working tree of the commit under test: what is measured is what is committed."""

from __future__ import annotations

import contextlib
import hashlib
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import ExperimentError, GitError
from pytest_ouro.evidence.git.client import environment, run_git
from pytest_ouro.experiment.supervision.processes import alive
from pytest_ouro.experiment.terms import temp_folders
from pytest_ouro.experiment.terms.names import cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from git import Repo
    from git.exc import GitCommandError

    from pytest_ouro.evidence.git.client import Git


@contextmanager
def checkout(git: Git, commit: str, *, role: str = "tried") -> Iterator[Path]:
    """The commit's files in a folder of their own, gone afterwards; one folder a ``role``.

    No hook and no filter that the repository configured runs.
    """
    from git import Repo
    from git.exc import GitCommandError

    name = hashlib.sha256(os.fsencode(git.common_dir)).hexdigest()[:12]
    folder = cache_folder() / "worktrees" / name / f"{role}-{commit[:12]}-{os.getpid()}"
    with Repo(git.top) as repo:
        repo.git.set_persistent_git_options(c=f"core.hooksPath={os.devnull}")
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            _remove_the_dead(repo, folder.parent)
            temp_folders.remove(folder)
            # The files come by our own call: GitPython would pass a hook's GIT_INDEX_FILE on.
            options = ("--no-checkout", "--detach", "--force")
            repo.git.worktree("add", *options, str(folder), commit, env=environment())
            run_git(*_settings(git), "reset", "--hard", "--quiet", commit, cwd=folder)
            for compiled in folder.rglob("*.py[co]"):
                compiled.unlink()  # a committed .pyc would be run in place of its source
        except (GitCommandError, GitError, OSError) as error:
            _remove(repo, folder)
            raise ExperimentError(
                f"no clean worktree of {commit[:7]} in {folder.parent}: {_words(error)}",
                help="mend the folder's permissions, or set XDG_CACHE_HOME to one with room",
            ) from None
        try:
            yield folder
        finally:
            _remove(repo, folder)


def _settings(git: Git) -> list[str]:
    """What keeps the committed bytes as they are and runs no program that was configured."""
    settings = ["core.autocrlf=false"]
    filters = git.line("config", "--name-only", "--get-regexp", r"^filter\..*\.(smudge|process)$")
    settings += [f"{key}=" for key in filters.splitlines()]
    required = git.line("config", "--name-only", "--get-regexp", r"^filter\..*\.required$")
    settings += [f"{key}=false" for key in required.splitlines()]
    return [word for setting in settings for word in ("-c", setting)]


def _remove(repo: Repo, folder: Path) -> None:
    """The folder and what git knows of it."""
    from git.exc import GitCommandError

    with contextlib.suppress(GitCommandError):
        repo.git.worktree("remove", "--force", str(folder), env=environment())
    temp_folders.remove(folder)


def _remove_the_dead(repo: Repo, parent: Path) -> None:
    """Worktrees of ours whose process was killed; a person's own are not touched."""
    for line in repo.git.worktree("list", "--porcelain", env=environment()).splitlines():
        folder = Path(line.removeprefix("worktree "))
        process = folder.name.rpartition("-")[2]
        if folder.parent == parent.resolve() and process.isdigit() and not alive(int(process)):
            _remove(repo, folder)


def _words(error: GitCommandError | GitError | OSError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    lines = str(getattr(error, "stderr", error)).strip().strip("'").splitlines()
    return lines[-1] if lines else "git failed"
