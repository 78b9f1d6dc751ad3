"""Link the rows of a ledger to commits: by hash or tag, by the commit that adds the row, by its
subject."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.claims.versions import Key, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_ouro.evidence.claims.commits import History, Step
    from pytest_ouro.evidence.claims.rows import ClaimedRow

#: How a row is linked to its commit: by the hash in it, by the commit that adds it, by its words.
How = Literal["hash", "added", "subject", ""]


#: A commit cell that says of a failure that its code was not committed, or is gone.
_NO_COMMIT = re.compile(
    r"(?i)\W*(?:un-?committed|not committed|no commit|reverted|reset|dropped|discarded|none|null"
    r"|n/?a)\W*"
)


class Link(NamedTuple):
    """The commit of a row (full id, "": none), how it was found, and in ``stated`` the full id of
    the commit that the row itself names ("": there is none)."""

    commit: str
    how: How
    stated: str = ""


@dataclass(frozen=True)
class Linker:
    """What rows are linked by: the history, the commit that adds each row, and whether a commit
    changes the code of an experiment."""

    history: History
    added: Mapping[Key, Step]
    is_work: Callable[[Step], bool]

    def adding(self, row: ClaimedRow) -> Step | None:
        """Return the commit that added a row to the ledger; None if it is not known."""
        return self.added.get(key_of(row))

    def link(self, rows: Sequence[ClaimedRow]) -> tuple[Link, ...]:
        """Return the link of each row, in their order."""
        together: dict[str, list[ClaimedRow]] = {}
        for row in rows:
            if (step := self.added.get(key_of(row))) is not None:
                together.setdefault(step.id, []).append(row)
        resolved = self.history.resolve(row.hash for row in rows if row.hash)
        tagged = {} if all(row.hash or not row.cell for row in rows) else self.history.tags
        links = [
            self._by_hash(row, resolved.get(row.hash, "") if row.hash else tagged.get(row.cell, ""))
            for row in rows
        ]
        taken = {link.commit for link in links if link.commit}
        for n, row in enumerate(rows):
            adding = self.added.get(key_of(row))
            if not links[n].commit and adding and _is_alone(row, together[adding.id]):
                links[n] = self._by_adding(row, adding, taken)
                taken.add(links[n].commit)
        self._by_subject(rows, links, taken)
        return tuple(links)

    def _by_hash(self, row: ClaimedRow, commit: str) -> Link:
        """Return the link of a row by its hash or tag, which names ``commit`` ("": no commit, and
        the link is empty). A row with a description, other than a baseline, may be linked to a
        child of this commit instead, with ``commit`` as ``stated``: to one that changes the code of
        an experiment and fits the row better, by its subject or because it adds the row."""
        if not commit:
            return Link("", "")
        adding = self.added.get(key_of(row))
        own = self.history.by_id.get(commit)
        candidates = [
            step
            for step in self.history.children.get(commit, [])
            if self.is_work(step) and (adding is None or adding.place >= step.place)
        ]
        for step in candidates:
            if row.status == "baseline" or not row.description:
                break
            same_commit = adding is not None and adding.id == step.id
            words = alike(row.description, step.subject)
            other = own is not None and alike(row.description, own.subject)
            if (words and not other) or (same_commit and not other and not self._is_work(own)):
                return Link(step.id, "added" if same_commit else "subject", commit)
        return Link(commit, "hash", commit)

    def _is_work(self, step: Step | None) -> bool:
        """Return whether a step is known and changes the code of an experiment."""
        return step is not None and self.is_work(step)

    def _by_adding(self, row: ClaimedRow, adding: Step, taken: set[str]) -> Link:
        """Return the link of a row by the commit ``adding`` that adds it to the ledger. A baseline
        is linked to the parent of ``adding``, or to ``adding`` if it has none, whatever other rows
        have. Any other row is linked to ``adding`` if that changes the code of an experiment, or
        changes other files than the ledger and has a subject that says the same as the row.
        Otherwise, a kept row is linked to the parent of ``adding`` if that changes the code. The
        commit is "" if it is in ``taken``, the commits that other rows have."""
        if row.status == "baseline":
            return Link(adding.parent or adding.id, "added")
        other = len(adding.parents) == 1 and len(self.history.changes(adding)) > 1
        if self.is_work(adding) or (other and alike(row.description, adding.subject)):
            return Link("" if adding.id in taken else adding.id, "added")
        before = self.history.by_id.get(adding.parent)
        if before and before.id not in taken and self.is_work(before) and row.is_kept:
            return Link(before.id, "added")
        return Link("", "")

    def _by_subject(self, rows: Sequence[ClaimedRow], links: list[Link], taken: set[str]) -> None:
        """Link the rows that have no commit yet, by replacing their items in ``links``: each to the
        commit that is not in ``taken``, changes the code of an experiment, and has a subject with
        the same words (the first of several), or, if no subject has these, one that says the same
        (only if it is the only one). Add these commits to ``taken``."""
        waiting = [n for n, link in enumerate(links) if not link.commit and rows[n].description]
        if not waiting:
            return
        free: dict[str, list[Step]] = {}
        for step in self.history.steps:
            if step.id not in taken and self.is_work(step):
                free.setdefault(" ".join(words_of(step.subject)), []).append(step)
        for n in waiting:
            exact = free.get(" ".join(words_of(rows[n].description)), [])
            found = exact or [
                step
                for steps in free.values()
                for step in steps
                if alike(rows[n].description, step.subject)
            ]
            left = [step for step in found if step.id not in taken]
            if len(left) == 1 or (exact and left):
                links[n] = Link(left[0].id, "subject")
                taken.add(left[0].id)


def _is_alone(row: ClaimedRow, together: Sequence[ClaimedRow]) -> bool:
    """Return whether the commit that adds a row to the ledger can be the one of its experiment.
    ``together`` are all rows that this commit adds.

    True if the row is the only one, or the only one that was kept; for a baseline, if at most one
    row beside it was kept. False for a row that was not kept and whose commit cell states a reason
    for having no commit, such as ``reverted``.
    """
    if not row.is_kept and _NO_COMMIT.fullmatch(row.cell):
        return False
    kept = [one for one in together if one.status == "keep"]
    if row.status == "baseline":
        return len(kept) <= 1
    return len(together) == 1 or (row.is_kept and len(kept) == 1)


def alike(one: str, other: str) -> bool:
    """Return whether two descriptions say the same: their words are equal; or all words of one, at
    least two, are in the other; or both have at least three words in common, and these are at least
    60% of all their words. False if one has no words."""
    first, second = words_of(one), words_of(other)
    if not first or not second:
        return False
    if first == second:
        return True
    common = set(first) & set(second)
    least = min(len(set(first)), len(set(second)))
    if least >= 2 and len(common) == least:
        return True
    return len(common) >= 3 and len(common) >= 0.6 * len(set(first) | set(second))


@cache
def words_of(text: str) -> tuple[str, ...]:
    """Return the words (of the letters a to z) and numbers of a description in small letters,
    without a mark such as ``exp 12:`` at its start."""
    plain = re.sub(r"(?i)^\s*(?:exp(?:eriment)?|iter(?:ation)?|run|try)\W?\d+\W*", "", text)
    return tuple(re.findall(r"[a-z]+|\d+(?:\.\d+)?(?:e-?\d+)?", plain.lower()))
