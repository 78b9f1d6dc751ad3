"""Observe what changed since the trusted commit: commits, index, working tree, untracked files.
Files are hashed here, without following symbolic links, so that git's flags, filters and attributes
cannot hide a change."""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_ouro.core import limits
from pytest_ouro.core.errors import GitError
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence import content
from pytest_ouro.evidence.cache import cache_in
from pytest_ouro.evidence.disk import Disk
from pytest_ouro.evidence.git import excludes
from pytest_ouro.evidence.git.attributes import as_committed
from pytest_ouro.evidence.git.client import Git, split
from pytest_ouro.evidence.git.objects import object_id
from pytest_ouro.evidence.paths import inside
from pytest_ouro.messages import git as messages

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pytest_ouro.evidence.git.objects import Entry, Kind

Place = Literal["commit", "index", "working tree", "untracked"]
#: What is checked: a commit alone, the index too, or the working tree as well.
Subject = Literal["commit", "index", "working tree"]

#: The environment variable in which git names a commit that it merges to its hooks.
_MERGED = r"GITHEAD_([0-9a-f]{40,64})"

#: The longest linear history that is walked without asking git for the order of commits.
_CHAIN = 200


@dataclass(frozen=True)
class Commit:
    """A commit: its full id, and the first paragraph of its message."""

    id: str
    subject: str

    def __str__(self) -> str:
        """Return the short id and the first 60 characters of the subject, as in ``commit a1b2c3d
        "Lower the rate"``."""
        return f'commit {self.id[:7]} "{self.subject[:60]}"'


@dataclass(frozen=True)
class Change:
    """One path that was added, changed or deleted in one place. ``commit`` is the commit that shows
    the change if ``place`` is "commit", otherwise None."""

    path: str
    place: Place
    kind: Kind
    commit: Commit | None = None

    @property
    def where(self) -> str:
        """In words: "the index", "the working tree", "untracked", or a commit's id and subject."""
        if self.commit:
            return str(self.commit)
        return "untracked" if self.place == "untracked" else f"the {self.place}"


class Repository:
    """What changed since the trusted commit, in the checked places (see `__init__`); paths are
    relative to the repository's top. Each attribute is computed once, when it is first used. Any
    member may raise GitError, LimitError or OuroError if git, an object or a file cannot be
    read."""

    def __init__(
        self,
        git: Git,
        *,
        trust: str = "",
        subject: Subject = "working tree",
        head: str = "",
        tip: str = "",
    ) -> None:
        """``trust`` is the full id of the trusted commit ("": none), ``head`` that of the checked
        commit ("": HEAD). Where the commits of a history are checked one by one and ``head`` is an
        earlier one, ``tip`` is the last of them, otherwise ""; checks use it to word findings, and
        to leave out what a later commit may put right. ``subject`` says what is checked: a commit
        alone, the index too, or the working tree as well."""
        self.git = git
        self.trust = trust
        self.subject = subject
        self.tip = tip
        self._head = head

    @cached_property
    def head(self) -> str:
        """The full id of the checked commit. Raise GitError if there is no commit yet."""
        commit = self._head or self.git.head or self.git.commit("HEAD")
        if not commit:
            raise messages.no_commit_yet()
        return commit

    @cached_property
    def head_tree(self) -> dict[str, Entry]:
        return self.git.tree(self.head)

    @cached_property
    def _files(self) -> tuple[dict[str, Entry], list[str]]:
        if self.subject == "commit":
            return self.head_tree, []
        return self.git.files(untracked=self.subject == "working tree")

    @property
    def index(self) -> dict[str, Entry]:
        """The entries of the index by path; if only a commit is checked, the entries of that
        commit."""
        return self._files[0]

    @cached_property
    def untracked(self) -> list[str]:
        """The paths of untracked files that git does not ignore, without pytest-ouro's own cache;
        with a final ``/``, also folders that git cannot read or that are repositories. Return []
        unless the working tree is checked."""
        files = self._files[1]
        cache = cache_in(self.git.top) if files else ""
        return [path for path in files if not path.startswith(cache)] if cache else files

    @cached_property
    def hidden(self) -> list[str]:
        """The paths of importable files (``.py``, ``.pth``, ``.so``, ``.pyd``) that git ignores
        only by patterns outside of .gitignore files; [] unless the working tree is checked and this
        clone has such patterns of its own."""
        if self.subject != "working tree" or not excludes.has_local_excludes(self.git):
            return []
        listed = self.git.call("ls-files", "-o", "-z", "--exclude-per-directory=.gitignore")
        known, endings = set(self.untracked), (".py", ".pth", ".so", ".pyd")
        return [path for path in split(listed) if path not in known and path.endswith(endings)]

    @cached_property
    def commits(self) -> tuple[Commit, ...]:
        """The commits since trust, parents first: those reachable from ``head``, or from a commit
        that is being merged, and not from the trusted commit. () if there is no trust, or if the
        trusted commit is ``head``. Raise GitError if a shallow clone lacks the trusted commit,
        LimitError for more than `limits.COMMITS`."""
        return tuple(commit for commit, _ in self._history)

    @cached_property
    def _history(self) -> tuple[tuple[Commit, tuple[Change, ...]], ...]:
        if not self.trust or self.trust == self.head:
            return ()
        git = self.git
        if git.shallow and not git.line("merge-base", self.trust, self.head):
            raise messages.shallow_history(self.trust, self.head)
        tips = (self.head, *self.merging)
        ids = self._linear_commits()
        if not ids:
            from pytest_ouro.evidence.git.ancestry import list_commits

            ids = list_commits(git, tips, since=self.trust)
        return tuple(_changes_of(git, commit) for commit in ids)

    def _linear_commits(self) -> list[str]:
        """Return the ids of the commits since the trusted one, oldest first, without ``git
        rev-list``; [] if they are not linear or too many, during a merge, or in a shallow clone."""
        found: list[str] = []
        commit = self.head
        while commit != self.trust:
            found.append(commit)
            parents = self.git.store.commit(commit)[1]
            if len(parents) != 1 or len(found) == _CHAIN or self.git.shallow or self.merging:
                return []
            commit = parents[0]
        return found[::-1]

    def on_branch(self, commit: Commit) -> str:
        """Return the id of the commit by which ``commit`` came to the first-parent line of
        ``head``: ``commit`` itself or a later merge; ``commit.id`` if neither is on that line."""
        parents = {one.id: self.git.store.commit(one.id)[1] for one in self.commits}
        line, one = set(), self.head
        while one in parents:
            line.add(one)
            one = parents[one][0] if parents[one] else ""
        after = {commit.id} & parents.keys()  # it and what descends from it
        for one, above in parents.items():  # oldest first
            if one in after or not after.isdisjoint(above):
                if one in line:
                    return one
                after.add(one)
        return commit.id

    @cached_property
    def committed(self) -> tuple[Change, ...]:
        """The changes that each of ``commits`` makes, oldest first, also those reverted later."""
        return tuple(change for _, changes in self._history for change in changes)

    @cached_property
    def history(self) -> tuple[str, ...]:
        """The full ids of ``head`` and all its ancestors, trust's too, each before its parents."""
        from pytest_ouro.evidence.git.ancestry import list_history

        return list_history(self.git, self.head)

    @cached_property
    def ancestors(self) -> frozenset[str]:
        """The full ids of ``head`` and all its ancestors, as a set."""
        return frozenset(self.history)

    @cached_property
    def merging(self) -> tuple[str, ...]:
        """The full ids of the commits that an unfinished merge names: of each merged branch its
        last commit alone. () if there is no such merge, or if only a commit is checked. A commit
        that ``head`` already has is left out, since a forged MERGE_HEAD with that commit's id would
        hide staged changes."""
        if self.subject == "commit":
            return ()
        merged = content.read_own(self.git.folder / "MERGE_HEAD")
        said = (merged or b"").decode(errors="replace").split()
        if merged is None:  # git merge writes it after its hook; the hook gets variables instead
            heads = [name for name in os.environ if name.startswith("GITHEAD_")]
            found = [re.fullmatch(_MERGED, name) for name in heads]
            said = [match[1] for match in found if match and self.subject == "index"]
        return tuple(c for c in said if self.git.call("rev-list", "-1", c, f"^{self.head}"))

    @cached_property
    def staged(self) -> tuple[Change, ...]:
        """The changes from ``head`` to the index; () if only a commit is checked. During a merge, a
        file that is the same in the index and in a merged commit is left out."""
        if self.subject == "commit":
            return ()
        changes = _difference(self.head_tree, self.index, "index")
        for commit in self.merging:
            theirs = self.git.tree(commit)
            changes = [c for c in changes if theirs.get(c.path) != self.index.get(c.path)]
        return tuple(changes)

    def unstaged(self, within: str = "") -> tuple[Change, ...]:
        """Return the changes from the index to the disk of tracked files in the folder ``within``
        ("": everywhere); () unless the working tree is checked."""
        return tuple(self._unstaged(lambda path: inside(path, within)))

    def _unstaged(self, asked: Callable[[str], bool]) -> list[Change]:
        if self.subject != "working tree":
            return []
        top, disk = str(self.git.top), Disk(self.git)
        found: list[Change] = []
        for path, entry in self.index.items():
            if not asked(path):
                continue
            if not entry.is_submodule:
                kind = disk.change(f"{top}/{path}", entry)
            else:
                kind = "changed" if submodule_differs(Path(top, path), entry.blob) else None
            if kind:
                found.append(Change(path, "working tree", kind))
        return found

    @cached_property
    def base(self) -> str:
        """The full id of the merge base of the trusted commit and ``head``; "" if there is none."""
        parents = {p for commit in self.commits for p in self.git.store.commit(commit.id)[1]}
        outside = parents - {commit.id for commit in self.commits}
        if outside == {self.trust} and not self.merging:  # all commits descend from trust
            return self.trust
        return self.git.line("merge-base", self.trust, self.head)

    @cached_property
    def net(self) -> tuple[Change, ...]:
        """The changes from the merge base with trust to ``head`` in files that no single commit of
        `commits` changes, as when a merge takes a file unchanged from one of its parents. Only
        files that differ between the trusted commit and ``head`` are included. () if there is no
        trust or no merge base, or if the trusted commit is ``head``."""
        if not (self.trust and self.trust != self.head and (base := self.base)):
            return ()
        seen, store = {change.path for change in self.committed}, self.git.store
        trees = [store.commit(commit)[0] for commit in (base, self.head)]
        head = Commit(self.head, store.subject(self.head))
        return tuple(
            Change(path, "commit", kind, head)
            for path, kind in store.difference(*trees)
            if path not in seen and store.entry(self.trust, path) != store.entry(self.head, path)
        )

    @cached_property
    def intended(self) -> list[str]:
        """The paths of added files of which the index has no content, as after ``git add -N``,
        which stages the name alone: ``git stash`` fails while there is one. Staged empty files look
        the same and are included; a file that is not on disk is left out. [] if only a commit is
        checked."""
        added = [change.path for change in self.staged if change.kind == "added"]
        return [
            path
            for path in added
            if self.index[path].blob == object_id(b"blob", b"", like=self.index[path].blob)
            and os.path.lexists(self.git.top / path)
        ]

    def changes(self, within: str = "") -> list[Change]:
        """Return all changes since the trusted commit in the folder ``within`` ("": everywhere)."""
        return self._changes(lambda path: inside(path, within))

    def changes_of(self, paths: Collection[str]) -> list[Change]:
        """Return the changes of just these paths since the trusted commit, as `changes` does: each
        that a commit made, also one reverted later, then those in the index, those in the working
        tree, and untracked files. No other file is read."""
        return self._changes(paths.__contains__)

    def _changes(self, asked: Callable[[str], bool]) -> list[Change]:
        recorded = [*self.committed, *self.net, *self.staged]
        new = [Change(path, "untracked", "added") for path in (*self.untracked, *self.hidden)]
        return [
            *(change for change in recorded if asked(change.path)),
            *self._unstaged(asked),
            *(change for change in new if asked(change.path)),
        ]

    def contents(
        self, paths: list[str], *, limit: int = limits.FILE
    ) -> dict[str, dict[Place, bytes | None]]:
        """Return ``{path: {place: bytes}}`` with the bytes of each path in each checked place; None
        for a place where it is absent or a submodule. Two places are left out: "commit" during a
        merge, since the index replaces it, and "working tree" for an absent file that is marked
        skip-worktree.

        Raise LimitError for more than ``limit`` bytes. But with the default limit, a larger file on
        disk is given as a Git LFS pointer (`content.read_or_point`).
        """
        trees: dict[Place, dict[str, Entry]] = {}
        if not self.merging:
            trees["commit"] = self.head_tree
        if self.subject != "commit":
            trees["index"] = self.index
        found: dict[str, dict[Place, bytes | None]] = {}
        for path in paths:
            found[path] = {
                place: self.git.contents(tree.get(path), limit=limit, path=path)
                for place, tree in trees.items()
            }
            if self.subject == "working tree":
                data = content.read_or_point(self.git.top / path, limit=limit)
                if data is not None or not (path in self.index and self.index[path].skip):
                    found[path]["working tree"] = data and as_committed(self.git, path, data)
        return found


def _difference(old: dict[str, Entry], new: dict[str, Entry], place: Place) -> list[Change]:
    """Return the changes in ``place`` from ``old`` to ``new`` (entries by path), sorted by path."""
    changes = []
    for path in sorted({path for path, _ in old.items() ^ new.items()}):
        before, after = old.get(path), new.get(path)
        if before is None:
            changes.append(Change(path, place, "added"))
        elif after is None:
            changes.append(Change(path, place, "deleted"))
        elif (before.mode, before.blob) != (after.mode, after.blob):
            changes.append(Change(path, place, "changed"))
    return changes


def _changes_of(git: Git, commit_id: str) -> tuple[Commit, tuple[Change, ...]]:
    """Return a commit and its changes against its parent. A merge changes the paths that differ
    from every parent; a first commit adds all its files."""
    tree, parents = git.store.commit(commit_id)
    commit = Commit(commit_id, git.store.subject(commit_id))
    before = [git.store.commit(parent)[0] for parent in parents] or [""]
    kinds: dict[str, list[Kind]] = {}
    for old in before:
        for path, kind in git.store.difference(old, tree):
            kinds.setdefault(path, []).append(kind)
    return commit, tuple(
        Change(path, "commit", found[0] if len(set(found)) == 1 else "changed", commit)
        for path, found in kinds.items()
        if len(found) == len(before)
    )


def submodule_differs(folder: Path, commit: str) -> bool:
    """Return whether a submodule's folder has another HEAD than ``commit`` or changed tracked
    files, is not a readable repository, or has something other than a folder in its place. Return
    False if it is absent or empty, that is, not checked out."""
    try:
        if folder.is_symlink() or not folder.is_dir():
            return os.path.lexists(folder)
        if not any(folder.iterdir()):
            return False
        git = Git.discover(folder)
        if git.top.resolve() != folder.resolve():
            return True  # the folder has files but is not a repository
        repository = Repository(git)
        try:
            return git.head != commit or bool(repository.staged or repository.unstaged())
        finally:
            git.close()
    except (GitError, OSError):
        return True
