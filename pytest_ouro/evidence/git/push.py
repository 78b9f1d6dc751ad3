"""Find the refs that a push updates: from the lines that git gives its pre-push hook, or, without
these lines, all refs that the push may contain."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.messages import git as messages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ouro.evidence.git.client import Git


@dataclass(frozen=True)
class Ref:
    """One ref that a push updates or, without the lines of git's hook, may update. ``name`` is the
    local ref, or the object's id if no ref is known; ``id`` is the object that is pushed (of a tag
    it may be the commit), and ``replaces`` the object that the remote ref has now ("" if there is
    no such ref or it is unknown)."""

    name: str
    id: str
    replaces: str = ""


def parse_refs(lines: str) -> list[Ref]:
    """Parse the standard input of a pre-push hook, one ``<local ref> <local id> <remote ref>
    <remote id>`` a line; return a `Ref` for each line, in order, except for those that delete a
    ref.

    Empty lines are skipped. Raise GitError for a line that has not four fields, or whose local id
    is not an object id.
    """
    refs = []
    for line in filter(None, lines.split("\n")):
        fields = line.split(" ")
        if len(fields) != 4 or not re.fullmatch(r"[0-9a-f]{40,64}", fields[1]):
            raise messages.not_a_push_line(line)
        if fields[1].strip("0"):
            refs.append(Ref(fields[0], fields[1], fields[3] if fields[3].strip("0") else ""))
    return refs


def unpushed_refs(git: Git, env: Mapping[str, str], remote: str = "") -> list[Ref]:
    """Return the refs that a push may contain, where the lines of git's hook are not available:
    each local branch and tag whose commit the remote is not known to have, but only one for each
    commit. If the name of the remote is unknown, every commit counts as one that the remote lacks.

    ``remote`` is the name of the remote; "" means PRE_COMMIT_REMOTE_NAME in ``env``. The first ref
    is the one that pre-commit passes on as PRE_COMMIT_TO_REF in ``env``, if that is set, whatever
    the remote has. Raise GitError if git fails.
    """
    refs = []
    if first := env.get("PRE_COMMIT_TO_REF", ""):
        refs.append(Ref(env.get("PRE_COMMIT_LOCAL_BRANCH") or first, first))
    remote = remote or env.get("PRE_COMMIT_REMOTE_NAME", "")
    there = [f"--remotes={remote}"] if re.fullmatch(r"[\w./-]+", remote) else []
    format_ = "--format=%(objectname) %(refname)"
    known_here = os.fsdecode(git.call("for-each-ref", format_, "refs/heads", "refs/tags"))
    for line in filter(None, known_here.split("\n")):
        object_id, name = line.split(" ", 1)
        known = {ref.id for ref in refs}
        commit = git.commit(object_id)
        if commit and commit not in known and _is_new(git, commit, there):
            refs.append(Ref(name, commit))
    return refs


def is_of_another_history(git: Git, ref: Ref, base: str) -> bool:
    """Return whether neither ``ref.id`` nor ``ref.replaces``, if set, shares a commit with the
    history of the commit ``base``, as for a branch of generated pages. Return False if this cannot
    be known: the clone is shallow, or an object is missing. Raise GitError if git fails."""
    if git.shallow or not git.commit(ref.id):
        return False
    if ref.replaces and not git.commit(ref.replaces):
        return False
    return not any(_share_history(git, id_, base) for id_ in (ref.id, ref.replaces) if id_)


def _share_history(git: Git, one: str, other: str) -> bool:
    """Return whether the histories of two commits have a commit in common. Raise GitError if git
    fails."""
    all_of, beside = git.call("rev-list", "--count", one), ("--not", other)
    return all_of != git.call("rev-list", "--count", one, *beside)


def _is_new(git: Git, commit: str, there: list[str]) -> bool:
    """Return whether a commit cannot be reached from any of the refs that ``there`` selects;
    ``there`` are options of ``git rev-list``. Return True if ``there`` is empty."""
    return not there or bool(git.call("rev-list", "-1", commit, "--not", *there))
