"""Distinguish settings of branches, which may change during a run, from all others.

``git push -u``, ``git branch --set-upstream-to`` and editors write settings of branches while a
person works beside a run. These start no program, and git reads them only to push, pull and
compare.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import GitError
from pytest_ouro.evidence.git.client import run_git, split

if TYPE_CHECKING:
    from pathlib import Path

#: Names of branches and refs, without characters that parsers of settings treat differently.
_NAME = r'[^"\\\s]+'
#: The values that each setting of a branch may get, as a pattern; None if only the name of a known
#: remote is allowed, since a URL in its place could start a program.
_VALUES = {
    "remote": None,
    "pushremote": None,
    "merge": f"refs/{_NAME}",
    "rebase": "true|false|merges",
    "vscode-merge-base": _NAME,
    "gh-merge-base": _NAME,
}
_KEY = rf"branch\.{_NAME}\.({'|'.join(_VALUES)})"


def only_branches_differ(before: bytes, after: bytes, *, folder: Path) -> bool:
    """Return whether the settings of two contents of ``.git/config`` are the same except for those
    of branches. A person may change these while a run goes on; any other change of a setting is
    restored after the run.

    Only the settings of branches that ``_VALUES`` lists may differ: ``after`` may lack some of
    them, and may have others whose value starts no program (`_may_be_new`). All other settings must
    be the same, in the same order. False if git cannot parse one of the contents. Git is called in
    ``folder``, which may be any folder.
    """
    try:
        old, new = _settings(before, folder), _settings(after, folder)
    except GitError:
        return False
    of_branches = {one for one in old if re.fullmatch(_KEY, one[0])}
    remotes = {key[len("remote.") :].rpartition(".")[0] for key, _ in old if key[:7] == "remote."}
    rest = [one for one in new if one not in of_branches and not _may_be_new(*one, remotes)]
    return rest == [one for one in old if one not in of_branches]


def _settings(text: bytes, folder: Path) -> list[tuple[str, str]]:
    """Return the key and value of each setting in the text of a git config file, in its order.

    Git writes the section and the last part of a key in lower case. Raise GitError if git cannot
    parse the text.
    """
    listed = split(run_git("config", "--file", "-", "--list", "-z", cwd=folder, stdin=text))
    return [(key, value) for key, _, value in (line.partition("\n") for line in listed)]


def _may_be_new(key: str, value: str, remotes: set[str]) -> bool:
    """Return whether a setting may be added: it is a setting of a branch that ``_VALUES`` lists,
    and its value starts no program.

    ``key`` is as git lists it. A setting that names a remote may have one of ``remotes``, the names
    of the known ones, or ``.``; each other setting a value that matches its pattern in ``_VALUES``.
    """
    found = re.fullmatch(_KEY, key)
    if not found:
        return False
    pattern = _VALUES[found[1]]
    return value in {*remotes, "."} if pattern is None else bool(re.fullmatch(pattern, value))
