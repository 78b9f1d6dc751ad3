"""The one way in which results may be in git: a report commit at the end of a session.

It changes nothing but the files that the bound publishes, and while they are in git nothing else
is committed: the loop resets its branch, and would take the ledger with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass, field
from pytest_ouro.evidence.paths import matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_ouro.evidence.evidence import Evidence
    from pytest_ouro.evidence.repository import Change

#: What a run could import is no report, wherever it lies.
_MODULES = (".py", ".pyc", ".pyd", ".pth", ".so")


@dataclass(frozen=True)
class Published:
    """The files that a bound publishes, and where they were in git beside other work."""

    globs: tuple[str, ...]
    beside_work: dict[str, list[str]] = field(default_factory=dict)

    def named(self, path: str) -> bool:
        """Whether the bound publishes the file."""
        return matches(path, self.globs) and not path.endswith(_MODULES)

    def lawful(self, path: str) -> bool:
        """Whether it is published, and only by report commits."""
        return self.named(path) and path not in self.beside_work


def published(evidence: Evidence) -> Published:
    """What is published, judged on every commit since trust and on what is staged."""
    found = Published(tuple(evidence.layout.path(path) for path in evidence.layout.publish))
    if found.globs:
        for where, paths in _work(evidence, found):
            for path in filter(found.named, paths):
                found.beside_work.setdefault(path, []).append(where)
    return found


def _work(evidence: Evidence, found: Published) -> Iterator[tuple[str, Iterable[str]]]:
    """Every commit, and the index, that changes more than published files; all that each holds."""
    repository = evidence.repository
    commits: dict[str, list[Change]] = {}
    for change in repository.committed:
        if change.commit:
            commits.setdefault(change.commit.id, []).append(change)
    for commit, changes in commits.items():
        if not all(found.named(change.path) for change in changes):
            yield changes[0].where, repository.git.tree(commit)
    if not all(found.named(change.path) for change in repository.staged):
        yield "the index", repository.index
