"""Find published results in git: only a report commit at the end of a session may contain them.

A report commit changes only files that the bound publishes, and no other work follows it: the loop
resets its branch, which would also reset a committed ledger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass, field
from pytest_ouro.evidence.paths import matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_ouro.evidence.evidence import Evidence
    from pytest_ouro.evidence.repository import Change

#: Suffixes of files that a run could import: they never count as a report.
_MODULES = (".py", ".pyc", ".pyd", ".pth", ".so")


@dataclass(frozen=True)
class Published:
    """The globs that a bound publishes. ``beside_work`` maps each published file to the places
    (commits or the index, in words) that contain it although they change unpublished files."""

    globs: tuple[str, ...]
    beside_work: dict[str, list[str]] = field(default_factory=dict)

    def named(self, path: str) -> bool:
        """Return whether one of ``globs`` names the file, and its name does not end as that of a
        module that a run could import (`_MODULES`)."""
        return matches(path, self.globs) and not path.endswith(_MODULES)

    def lawful(self, path: str) -> bool:
        """Return whether the file is published, and no place of ``beside_work`` contains it."""
        return self.named(path) and path not in self.beside_work


def published(evidence: Evidence) -> Published:
    """Return the globs that the bound publishes, and the published files that lie beside other
    work: those in the tree of a commit since trust (see `Repository.commits`), or in the index,
    that changes an unpublished file. Errors as of `Repository.commits`."""
    found = Published(tuple(evidence.layout.path(path) for path in evidence.layout.publish))
    if found.globs:
        for where, paths in _work(evidence, found):
            for path in filter(found.named, paths):
                found.beside_work.setdefault(path, []).append(where)
    return found


def _work(evidence: Evidence, found: Published) -> Iterator[tuple[str, Iterable[str]]]:
    """Yield a pair for each commit since trust (see `Repository.commits`) that changes an
    unpublished file: the commit in words, and the paths of all files of its tree. Then, if the
    index changes such a file, yield "the index" and all its paths."""
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
