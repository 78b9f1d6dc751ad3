"""Read the commits of a history with the project's own reader of objects."""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.core.errors import GitError, LimitError
from pytest_ouro.evidence.git.client import run_git

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.git.objects import Entry

#: The most commits that are read; older ones are left out, and the audit says so.
MOST = 20_000
_AUTHOR = re.compile(rb"\nauthor ([^\n]*>) ")
_TIME = re.compile(rb"\ncommitter .*> (\d+) [-+]\d+\n")


class Step(NamedTuple):
    """One commit. ``id`` is its full id, ``parents`` are the full ids of its parents, and ``tree``
    is the id of its tree. ``time`` is when it was committed, in seconds since 1970. ``place`` is
    its position in the history, from 0 (-1: not in it), and ``subject`` the first paragraph of its
    message."""

    id: str
    parents: tuple[str, ...]
    tree: str
    time: int
    place: int
    subject: str

    @property
    def parent(self) -> str:
        """The id of the first parent; "" for a first commit."""
        return self.parents[0] if self.parents else ""

    def __str__(self) -> str:
        """Return the short id and the first 60 characters of the subject, as in ``commit a1b2c3d
        "Lower the rate"``."""
        return f'commit {self.id[:7]} "{self.subject[:60]}"'


class History:
    """The commits that ``head`` (full id) reaches, without those that ``since`` ("": none) reaches,
    each after its parents. Of more than 20 000, the older ones are left out, and ``cut`` is True.
    Raise GitError if a commit cannot be read, LimitError if one is too large."""

    def __init__(self, git: Git, head: str, since: str = "") -> None:
        self.git, self.head = git, head
        order = ("--topo-order", f"--max-count={MOST + 1}")
        asked = ("rev-list", *order, head, *([f"^{since}"] if since else []))
        ids = git.call(*asked).decode().split()
        self.cut = len(ids) > MOST
        self.steps = tuple(self._step(one, n) for n, one in enumerate(reversed(ids[:MOST])))
        self.by_id: Mapping[str, Step] = {step.id: step for step in self.steps}
        self._changes: dict[str, tuple[str, ...]] = {}
        self._ancestry: dict[tuple[str, str], bool] = {}

    def _step(self, commit: str, place: int) -> Step:
        """Return the commit with the full id ``commit`` as the step at ``place``."""
        store = self.git.store
        tree, parents = store.commit(commit)
        time = _TIME.search(store.read(commit))
        seconds = int(time[1]) if time else 0
        return Step(commit, tuple(parents), tree, seconds, place, store.subject(commit))

    @cached_property
    def children(self) -> dict[str, list[Step]]:
        """The steps by the id of their first parent ("": none)."""
        found: dict[str, list[Step]] = {}
        for step in self.steps:
            found.setdefault(step.parent, []).append(step)
        return found

    @cached_property
    def branch(self) -> tuple[Step, ...]:
        """The steps on the first-parent line of the head, oldest first."""
        line, one = [], self.head
        while one in self.by_id:
            line.append(self.by_id[one])
            one = line[-1].parent
        return tuple(reversed(line))

    @cached_property
    def times_changed(self) -> Mapping[str, int]:
        """How many commits of the history change each file, by its path."""
        return Counter(path for step in self.steps for path in self.changes(step))

    def find(self, commit: str) -> Step:
        """Return a commit (full id) as a step; its place is -1 if it is not in this history. Raise
        GitError if it cannot be read."""
        return self.by_id.get(commit) or self._step(commit, -1)

    def author(self, commit: str) -> bytes:
        """Return the name and the address of the author of a commit (full id), as it has them; b""
        if it cannot be read."""
        try:
            found = _AUTHOR.search(self.git.store.read(commit))
        except (GitError, LimitError):
            return b""
        return found[1] if found else b""

    def changes(self, step: Step) -> tuple[str, ...]:
        """Return the sorted paths of the files that a commit changes compared with its first
        parent. A merge changes the files that differ from every parent, a first commit all its
        files. () if an object is missing, as in a partial clone. Raise LimitError if the trees are
        too large."""
        if step.id not in self._changes:
            try:
                self._changes[step.id] = self._changed(step)
            except GitError:
                self._changes[step.id] = ()
        return self._changes[step.id]

    def _changed(self, step: Step) -> tuple[str, ...]:
        """Return what `changes` does. Raise GitError if an object is missing, LimitError if the
        trees are too large."""
        store = self.git.store
        before = [store.commit(parent)[0] for parent in step.parents] or [""]
        found = [{path for path, _ in store.difference(tree, step.tree)} for tree in before]
        return tuple(sorted(set.intersection(*found)))

    def is_ancestor(self, commit: str, of: str) -> bool:
        """Return whether the commit ``of`` is or reaches ``commit`` (full ids). False if git
        fails."""
        if (commit, of) not in self._ancestry:
            try:
                self.git.call("merge-base", "--is-ancestor", commit, of)
                self._ancestry[commit, of] = True
            except GitError:
                self._ancestry[commit, of] = False
        return self._ancestry[commit, of]

    def entry(self, commit: str, path: str) -> Entry | None:
        """Return the entry of the file at ``path`` in a commit (full id); None if there is none,
        or an object is missing."""
        try:
            return self.git.store.entry(commit, path) if commit else None
        except GitError:
            return None

    @cached_property
    def tags(self) -> Mapping[str, str]:
        """The full ids of the commits that tags name, by the tag; {} if git fails."""
        parts = ("refname:strip=2", "objecttype", "objectname", "*objecttype", "*objectname")
        form = "%00".join(f"%({part})" for part in parts)
        try:
            said = run_git("for-each-ref", f"--format={form}", "refs/tags", cwd=self.git.top)
        except GitError:
            return {}
        found = {}
        for line in said.decode(errors="replace").splitlines():
            name, *pairs = line.split("\0")
            for kind, commit in zip(pairs[::2], pairs[1::2], strict=False):
                if kind == "commit":
                    found[name] = commit
        return found

    def resolve(self, names: Iterable[str]) -> dict[str, str]:
        """Return a dict from each of ``names``, hexadecimal ids of commits in full or abbreviated,
        to the full id of the commit. A name that stands for no commit, or for several, is left out;
        the dict is empty if git fails."""
        asked = sorted(set(names))
        if not asked:
            return {}
        lines = "".join(f"{name}^{{commit}}\n" for name in asked).encode()
        try:
            said = run_git("cat-file", "--batch-check", cwd=self.git.top, stdin=lines)
        except GitError:
            return {}
        found = (line.split() for line in said.decode(errors="replace").splitlines())
        words = [line for line in found if not _is_detail(line)]
        return {
            name: line[0]
            for name, line in zip(asked, words, strict=False)
            if len(line) == 3 and line[1] == "commit"
        }


def _is_detail(line: list[str]) -> bool:
    """Return whether a line of ``git cat-file --batch-check`` is not the answer to a name: it is
    empty, or a hint or error that git adds for an ambiguous name."""
    return not line or line[0] in ("hint:", "error:")
