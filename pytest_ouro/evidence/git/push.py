"""What git is about to push: the lines of its pre-push hook, or all that a push could be."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import GitError
from pytest_ouro.core.fast_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ouro.evidence.git.client import Git


@dataclass(frozen=True)
class Ref:
    """One ref of a push, by its name here, and the object that it is to point at there;
    ``replaces`` is the object that it points at there now, where that is known."""

    name: str
    id: str
    replaces: str = ""


def told(lines: str) -> list[Ref]:
    """The refs in the lines ``<local ref> <local id> <remote ref> <remote id>``, without those
    that are deleted. GitError for a line that git would not have written."""
    refs = []
    for line in filter(None, lines.split("\n")):
        fields = line.split(" ")
        if len(fields) != 4 or not re.fullmatch(r"[0-9a-f]{40,64}", fields[1]):
            raise GitError(
                f"not a line of a pre-push hook: {line[:80]!r}",
                help="git hands its hook <local ref> <local id> <remote ref> <remote id>",
            )
        if fields[1].strip("0"):
            refs.append(Ref(fields[0], fields[1], fields[3] if fields[3].strip("0") else ""))
    return refs


def possible(git: Git, env: Mapping[str, str], remote: str = "") -> list[Ref]:
    """Every branch and tag that the remote is not known to have, where nobody says what is pushed.

    A framework of hooks reads git's lines itself and hands on only the first of them, as
    PRE_COMMIT_LOCAL_BRANCH and PRE_COMMIT_TO_REF: that one is among them in any case.
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
    """Whether a ref shares no commit with ``base``, and what it replaces neither: a branch of
    built pages. False where too little of the history is here to say so."""
    if git.shallow or not git.commit(ref.id):
        return False
    if ref.replaces and not git.commit(ref.replaces):
        return False
    return not any(_share(git, id_, base) for id_ in (ref.id, ref.replaces) if id_)


def _share(git: Git, one: str, other: str) -> bool:
    all_of, beside = git.call("rev-list", "--count", one), ("--not", other)
    return all_of != git.call("rev-list", "--count", one, *beside)


def _is_new(git: Git, commit: str, there: list[str]) -> bool:
    return not there or bool(git.call("rev-list", "-1", commit, "--not", *there))
