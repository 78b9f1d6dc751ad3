"""Walk the history of commits: a short one by reading commit objects, a long one by ``git
rev-list``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_ouro.core import limits
from pytest_ouro.core.errors import GitError
from pytest_ouro.messages import limits as messages

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_ouro.evidence.git.client import Git

#: The number of commits that are read one by one before git is asked.
_FEW = 100


def list_history(git: Git, head: str) -> tuple[str, ...]:
    """Return the full ids of the commit ``head`` (full id) and of all its ancestors, each commit
    before its parents. Raise GitError if one cannot be read."""
    found: list[str] = []
    commits = [head]
    while len(commits) == 1 and len(found) < _FEW and not git.shallow:
        found += commits
        commits = git.store.commit(commits[0])[1]
    if not commits:
        return tuple(found)
    return tuple(git.call("rev-list", "--topo-order", head).decode().split())


def list_commits(git: Git, tips: Iterable[str], *, since: str) -> list[str]:
    """Return the full ids of the commits that can be reached from ``tips`` and not from ``since``,
    each commit after its parents. Raise LimitError if there are more than `limits.COMMITS`, and
    GitError if git fails."""
    few, order = f"--max-count={limits.COMMITS + 1}", ("--reverse", "--topo-order")
    found = git.call("rev-list", few, *order, *tips, f"^{since}").decode().split()
    if len(found) > limits.COMMITS:
        raise messages.too_many_commits(limits.COMMITS)
    return found


def list_descendants(git: Git, commit: str, *, start: str, refs: dict[str, str]) -> dict[str, str]:
    """Return the items of ``refs`` whose commit is ``commit`` or a descendant of it.

    ``refs`` maps full ref names, which all begin with ``start``, to full commit ids; for a long
    history, git is asked about all refs that begin with ``start``. A ref whose commit does not
    exist is left out. Raise GitError if git fails.
    """
    known = None if git.shallow else _find_descendants(git, commit, refs.values())
    if known is None:
        listed = git.call("for-each-ref", "--format=%(refname)", f"--contains={commit}", start)
        return {ref: refs[ref] for ref in os.fsdecode(listed).split() if ref in refs}
    return {ref: one for ref, one in refs.items() if one in known}


def _find_descendants(git: Git, commit: str, tips: Iterable[str]) -> set[str] | None:
    """Return a set of commit ids: ``commit`` itself, each one of ``tips`` that descends from it,
    and those of its descendants that were read on the way. Other commits are not in the set.

    Return None, so that the caller asks git instead, if a commit cannot be read, or if many more
    commits than ``tips`` would have to be read (`_FEW`).
    """
    known = {commit: True}
    todo = [*tips]
    most = _FEW + len(todo)
    while todo:
        one = todo[-1]
        try:
            parents = [] if one in known else git.store.commit(one)[1]
        except GitError:
            return None
        unknown = [parent for parent in parents if parent not in known]
        if unknown and not any(known.get(parent) for parent in parents):
            todo += unknown
        else:
            known.setdefault(one, any(known.get(parent) for parent in parents))
            todo.pop()
        if len(known) + len(unknown) > most:
            return None
    return {one for one, found in known.items() if found}
