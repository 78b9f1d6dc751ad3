"""Write the shell commands of a ``help:`` line that name files, so that they can be run
unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.git.objects import Entry

#: How many files a command names. The next answer names the others.
NAMED = 20
#: The options by which commands change files that have the flag skip-worktree, too.
_ALSO_SKIPPED = {
    "git checkout": "--ignore-skip-worktree-bits",
    "git restore": "--ignore-skip-worktree-bits",
    "git rm": "--sparse",
}


def command_for(git: Git, index: Mapping[str, Entry], command: str, paths: Iterable[str]) -> str:
    """Return a shell command for a ``help:`` line: ``command`` followed by the first 20 of
    ``paths``, which are repository-relative, each as `Git.word` quotes it.

    A bare ``rm`` becomes ``rm -r`` if one of these paths is a folder. ``git checkout``, ``git
    restore`` and ``git rm`` get the option that includes skip-worktree files, if the ``index``
    (its entries by path) marks one of these paths so.
    """
    named = list(paths)[:NAMED]
    words = command.split(" ")
    if command == "rm" and any(_is_folder(git.top / path) for path in named):
        words.append("-r")
    option = _ALSO_SKIPPED.get(" ".join(words[:2]))
    if option and any(path in index and index[path].skip for path in named):
        words.insert(2, option)
    return " ".join([*words, *map(git.word, named)])


def _is_folder(path: Path) -> bool:
    """Return whether ``path`` is a folder, and not a symbolic link to one."""
    return path.is_dir() and not path.is_symlink()
