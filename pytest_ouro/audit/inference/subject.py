"""Find the repository and the commits that an audit is about."""

from __future__ import annotations

import re
from pathlib import Path

from pytest_ouro.core.errors import GitError
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.messages import git as messages

#: Where a pull request lies in a clone, and the branches that it may be based on.
_PULLS = (
    *("refs/pull/{}/head", "refs/remotes/origin/pull/{}/head", "refs/remotes/origin/pr/{}"),
    *("refs/merge-requests/{}/head", "refs/remotes/origin/merge-requests/{}/head"),
)
_BASES = ("refs/remotes/origin/HEAD", "origin/main", "origin/master", "main", "master")
_PULL = re.compile(r"#?(\d{1,6})|(?:pull|pr|merge-requests)/(\d{1,6})(?:/head)?")


@dataclass(frozen=True)
class Subject:
    """What is audited: how the user named it, the repository, the full id of the last commit, that
    of the commit before the first one ("": the beginning), the working tree whose files count
    (None: none), and the audited folder in it, from its top ("": all of it)."""

    name: str
    git: Git
    head: str
    since: str = ""
    top: Path | None = None
    folder: str = ""


def find_subject(name: str) -> Subject:
    """Return what ``name`` stands for: a folder, a git directory, a file, which stands for its
    folder, a range of revisions, a revision or a pull request, the first of these that exists; ""
    is the current folder. Raise GitError if there is no repository, no commit or no such name."""
    if name and (place := Path(name)).exists():
        return _at_folder(place if place.is_dir() else place.parent, name)
    if not name:
        return _at_folder(Path.cwd(), "")
    git = _repository(Path.cwd())
    old, dots, new = name.partition("..")
    if dots:
        new = new.lstrip(".") or "HEAD"
        head, since = _demand(git, new, name), _demand(git, old or "HEAD", name)
        base = git.line("merge-base", since, head)
        return Subject(name, git, head, base or since, _top_if_checked_out(git, head))
    if head := git.commit(name):
        return Subject(name, git, head, "", _top_if_checked_out(git, head))
    if pull := _PULL.fullmatch(name):
        number = pull[1] or pull[2]
        for form in _PULLS:
            if head := git.commit(form.format(number)):
                return Subject(name, git, head, _base(git, head))
    raise messages.not_auditable(name)


def _at_folder(folder: Path, name: str) -> Subject:
    """Return the repository around a folder as a subject, to its commit HEAD. Raise GitError if
    there is no repository or no commit."""
    git = _repository(folder)
    head = git.head or git.commit("HEAD")
    if not head:
        raise messages.no_commit_yet()
    within = ""
    top = git.top if git.head else None
    if top is not None:
        try:
            within = folder.resolve().relative_to(top.resolve()).as_posix()
        except ValueError:
            within = ""
    return Subject(name or ".", git, head, "", top, "" if within == "." else within)


def _repository(folder: Path) -> Git:
    """Return the repository around a folder, with its working tree if it has one. Raise GitError if
    there is none."""
    try:
        return Git.discover(folder)
    except GitError as error:
        try:
            return Git.objects(folder)
        except GitError:
            ours = folder.resolve()
            if any((place / ".git").exists() for place in (ours, *ours.parents)):
                raise error from None
            raise messages.no_history(folder) from None


def _demand(git: Git, revision: str, name: str) -> str:
    """Return the full id of the commit that ``revision`` stands for. Raise GitError if there is
    none; its message shows ``name``, which is what the user typed."""
    if not (commit := git.commit(revision)):
        raise messages.not_auditable(name)
    return commit


def _top_if_checked_out(git: Git, head: str) -> Path | None:
    """Return the working tree if ``head`` is checked out there; otherwise None."""
    return git.top if git.head == head else None


def _base(git: Git, head: str) -> str:
    """Return the full id of the commit where ``head`` branched off from the main branch. Return ""
    if there is no main branch, no common commit, or ``head`` is part of the main branch itself."""
    for name in _BASES:
        other = git.commit(name)
        base = git.line("merge-base", other, head) if other else ""
        if base and base != head:
            return base
    return ""
