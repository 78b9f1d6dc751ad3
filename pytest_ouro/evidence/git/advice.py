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
    """Return a shell command for a ``help:`` line, to be run in the folder where the user called
    pytest-ouro: ``command``, then the first 20 of ``paths`` (repository-relative), each as
    `Git.word` quotes it.

    If ``command`` is ``rm`` and one of these paths is a folder, add ``-r``. If ``command`` begins
    with ``git checkout``, ``git restore`` or ``git rm``, and ``index`` (its entries by path) marks
    one of these paths skip-worktree, add the option that includes such files.
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
