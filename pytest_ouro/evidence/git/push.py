"""Find the refs of a push: from the lines of git's pre-push hook, or all that it may contain."""

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
    """One ref of a push: its local name and the id of its new object. ``replaces`` is the id of the
    object that the remote has now ("" if it has no such ref, or that is unknown)."""

    name: str
    id: str
    replaces: str = ""


def parse_refs(lines: str) -> list[Ref]:
    """Return a `Ref` for each line ``<local ref> <local id> <remote ref> <remote id>`` of a text,
    without refs that the push deletes. Empty lines are skipped. GitError for a line that has not
    four fields, or no id as its second."""
    refs = []
    for line in filter(None, lines.split("\n")):
        fields = line.split(" ")
        if len(fields) != 4 or not re.fullmatch(r"[0-9a-f]{40,64}", fields[1]):
            raise messages.not_a_push_line(line)
        if fields[1].strip("0"):
            refs.append(Ref(fields[0], fields[1], fields[3] if fields[3].strip("0") else ""))
    return refs


def unpushed_refs(git: Git, env: Mapping[str, str], remote: str = "") -> list[Ref]:
    """Return a `Ref` for every branch and tag whose commit the remote is not known to have, one for
    each commit; for all if the remote is not known. [] if there are none; GitError if git fails.
    ``remote`` is its name, by default PRE_COMMIT_REMOTE_NAME in ``env``.

    This is used when git's lines are missing: pre-commit reads them itself and passes on only the
    first, as PRE_COMMIT_LOCAL_BRANCH and PRE_COMMIT_TO_REF in ``env``. If the latter is set, that
    ref is the first in the list, whatever the remote has.
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
    """Return whether no commit is in the history of ``base``, a commit's id, and also in that of
    ``ref`` or of the object that it replaces, as for a branch of built pages. False if this cannot
    be decided: the clone is shallow, or lacks one of the objects."""
    if git.shallow or not git.commit(ref.id):
        return False
    if ref.replaces and not git.commit(ref.replaces):
        return False
    return not any(_share_history(git, id_, base) for id_ in (ref.id, ref.replaces) if id_)


def _share_history(git: Git, one: str, other: str) -> bool:
    """Return whether the histories of two commits have a commit in common."""
    all_of, beside = git.call("rev-list", "--count", one), ("--not", other)
    return all_of != git.call("rev-list", "--count", one, *beside)


def _is_new(git: Git, commit: str, there: list[str]) -> bool:
    """Return whether a commit is in no history of the refs that ``there``, options of git rev-list,
    select; True if ``there`` is empty."""
    return not there or bool(git.call("rev-list", "-1", commit, "--not", *there))
