"""Find out what became of the code of each row: whether later experiments build on it, or it was
taken back."""

from __future__ import annotations

import posixpath
import re
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.errors import GitError, LimitError
from pytest_ouro.evidence.ledger.made_up import looks_made_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.evidence.claims.commits import History, Step
    from pytest_ouro.evidence.claims.link import Linker
    from pytest_ouro.evidence.claims.rows import ClaimedRow

#: "stays": the next version of the changed files has the change; "gone": it is as before, or the
#: commit is on no branch that was read; "": the change is not known, or replaced by another.
Fate = Literal["stays", "gone", ""]
#: The same with more detail: "undone" by a commit that does nothing else to the file, "replaced" by
#: another change of the same lines.
_Detail = Literal["stays", "gone", "undone", "replaced", ""]

#: Files that experiments change beside their code.
_ASIDE = re.compile(
    r"(?i).*\.(?:tsv|csv|jsonl|ndjson|log|png|svg|pdf)|(?:.*/)?(?:readme|changelog|notes?)\b.*"
)
#: The most lines of one file that are compared.
_LINES = 20_000


class Fates:
    """Tells what became of the code of rows. ``ledger`` is the path of the ledger."""

    def __init__(self, history: History, ledger: str) -> None:
        self._history, self._ledger = history, ledger
        self._known: dict[str, _Detail] = {}
        self._texts: dict[str, frozenset[bytes]] = {}

    def of_rows(self, rows: Sequence[ClaimedRow], linker: Linker) -> list[Fate]:
        """Return the fate of the code of each row, in their order. A row with a hash that names no
        commit is of code that is gone, if other rows are linked to commits and it does not look
        made up. A row about the commit of an earlier row has the fate "". Code that another change
        replaced "stays" in a loop that takes changes back by resets or by commits of their own; in
        others its fate is ""."""
        links = linker.link(rows)
        resolves = any(link.commit for link in links)
        seen: set[str] = set()
        found: list[_Detail] = []
        lost = 0
        for row, link in zip(rows, links, strict=True):
            commit = link.commit or self._beside(row, linker, seen)
            if commit in seen:
                found.append("")
            elif commit:
                seen.add(commit)
                found.append(self.of(commit))
                lost += commit not in self._history.by_id
            else:
                gone = bool(row.hash) and resolves and not looks_made_up(row.cell)
                lost += gone
                found.append("gone" if gone else "")
        # a loop that takes changes back by resets or by commits of their own never leaves it to the
        # next experiment, so that what that replaces is what it builds on
        clean = lost == found.count("gone") and (lost or "undone" in found)
        replaced: Fate = "stays" if clean else ""
        return [
            "gone" if one == "undone" else replaced if one == "replaced" else one for one in found
        ]

    def _beside(self, row: ClaimedRow, linker: Linker, seen: set[str]) -> str:
        """Return the commit of a row without a hash: the one that adds it or else the one before,
        if it changes code and is not in ``seen``; "" if neither is so, or for a row with a hash."""
        adding = None if row.hash else linker.adding(row)
        before = self._history.by_id.get(adding.parent) if adding else None
        for step in (adding, before):
            if step is not None and step.id not in seen and self.changes_code(step):
                return step.id
        return ""

    def changes_code(self, step: Step) -> bool:
        """Return whether a commit has one parent and changes a file that can be that of an
        experiment: neither the ledger, nor another table or a picture, nor what describes the
        project."""
        return len(step.parents) == 1 and bool(self._paths(step))

    def _paths(self, step: Step) -> list[str]:
        """Return the files of a commit that can be those of an experiment."""
        return [
            path
            for path in self._history.changes(step)
            if path != self._ledger and not _ASIDE.fullmatch(posixpath.basename(path))
        ]

    def of(self, commit: str) -> _Detail:
        """Return the fate of the code of a commit (full id): "gone" for one outside the history; ""
        if `changes_code` is false, or if its files have different fates, other than "stays" and
        "replaced", which make "stays"."""
        if commit not in self._known:
            self._known[commit] = self._find(commit)
        return self._known[commit]

    def _find(self, commit: str) -> _Detail:
        """Compute the fate of the code of a commit, which `of` returns and keeps."""
        step = self._history.by_id.get(commit)
        if step is None:
            return "gone"
        if not self.changes_code(step):
            return ""
        found = {self._of_file(step, path) for path in self._paths(step)}
        if found == {"stays", "replaced"}:
            return "stays"
        return found.pop() if len(found) == 1 else ""

    def _of_file(self, step: Step, path: str) -> _Detail:
        """Return the fate of the change that a commit makes to one file, by the lines of the file's
        next version on the branch; "" if these tell nothing, or the change is there in part."""
        before, own = self._text(step.parent, path), self._text(step.id, path)
        added, removed = own - before, before - own
        if not (added or removed):
            return ""
        after = self._text(self._next(step, path), path)
        if after == before:
            return "undone"
        if added and added <= after:
            return "stays"
        if not added:
            return "gone" if removed <= after else ("stays" if not removed & after else "")
        if added & after:
            return ""
        if removed and not removed & after:
            return "replaced"
        return "gone" if removed <= after else ""

    def _next(self, step: Step, path: str) -> str:
        """Return the full id of the commit that has the next version of a file on the branch, the
        last commit if it has no other."""
        places = self._changing.get(path, ())
        at = self._landed(step)
        later = (place for place in places if place > at)
        place = next(later, len(self._history.branch) - 1)
        return self._history.branch[place].id

    @cached_property
    def _changing(self) -> dict[str, list[int]]:
        """By path, the places on the branch, from 0, of the commits that give the file another
        content."""
        found: dict[str, list[int]] = {}
        for place, step in enumerate(self._history.branch):
            paths = self._history.changes(step)
            if len(step.parents) > 1:  # a merge gives the branch what another one has
                paths = self._taken_over(step)
            for path in paths:
                found.setdefault(path, []).append(place)
        return found

    def _taken_over(self, merge: Step) -> tuple[str, ...]:
        """Return the files that a merge gives the branch; () if they cannot be compared."""
        store = self._history.git.store
        try:
            before = store.commit(merge.parent)[0]
            return tuple(path for path, _ in store.difference(before, merge.tree))
        except GitError:
            return ()

    @cached_property
    def _places(self) -> dict[str, int]:
        """The place of each commit of the branch."""
        return {step.id: place for place, step in enumerate(self._history.branch)}

    def _landed(self, step: Step) -> int:
        """Return the place of ``step`` on the branch, from 0. If it is not on the branch, return
        the place of the merge that brought it there or, if there is none, the last place (that of
        the newest commit)."""
        one: Step | None = step
        while one is not None and one.id not in self._places:
            one = self._onward.get(one.id)
        return self._places[one.id] if one else len(self._places) - 1

    @cached_property
    def _onward(self) -> dict[str, Step]:
        """By the id of a commit, the first step of the history of which it is a parent."""
        found: dict[str, Step] = {}
        for step in self._history.steps:
            for parent in step.parents:
                found.setdefault(parent, step)
        return found

    def _text(self, commit: str, path: str) -> frozenset[bytes]:
        """Return the first 20 000 lines of a file in a commit, without blanks around them and
        without empty ones; an empty set for a file that is absent or cannot be read."""
        entry = self._history.entry(commit, path)
        if entry is None or entry.is_submodule:
            return frozenset()
        if entry.blob not in self._texts:
            try:
                data = self._history.git.store.read(entry.blob, path=path)
            except (GitError, LimitError):
                data = b""
            lines = data.splitlines()[:_LINES]
            self._texts[entry.blob] = frozenset(line.strip() for line in lines) - {b""}
        return self._texts[entry.blob]
