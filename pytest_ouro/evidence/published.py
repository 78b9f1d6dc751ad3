"""Find published results in git: files of the bound's ``publish`` globs, which only a report
commit at the end of a session may contain.

A report commit changes published files only, and no other work follows it. A ledger committed
beside work would be lost when the loop resets its branch.
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
    """The globs of published files, relative to the repository's top, and the published files that
    are beside other work. A file is beside other work if a commit since the trusted one, or the
    index, both contains it and changes an unpublished file. ``beside_work`` maps the path of each
    such file to these commits (or the index), in words."""

    globs: tuple[str, ...]
    beside_work: dict[str, list[str]] = field(default_factory=dict)

    def named(self, path: str) -> bool:
        """Return whether a path is that of a published file: one of ``globs`` matches it, and it
        has no suffix of a module that a run could import, such as ``.py`` or ``.so``."""
        return matches(path, self.globs) and not path.endswith(_MODULES)

    def lawful(self, path: str) -> bool:
        """Return whether a path is that of a published file (`named`: one of the bound's
        ``publish`` globs matches it) that is not in ``beside_work``: no commit since trust, nor the
        index, both contains it and changes an unpublished file. A change of such a file breaks no
        rule."""
        return self.named(path) and path not in self.beside_work


def published(evidence: Evidence) -> Published:
    """Return the bound's globs of published files, and the published files that are beside other
    work. A file is beside other work if it is in the tree of a commit since the trusted one, or in
    the index, and that commit or index changes an unpublished file.

    Raise GitError if git fails, as in a shallow clone that lacks the trusted commit, LimitError if
    there are too many commits.
    """
    found = Published(tuple(evidence.layout.path(path) for path in evidence.layout.publish))
    if found.globs:
        for where, paths in _work(evidence, found):
            for path in filter(found.named, paths):
                found.beside_work.setdefault(path, []).append(where)
    return found


def _work(evidence: Evidence, found: Published) -> Iterator[tuple[str, Iterable[str]]]:
    """Yield, for each commit since the trusted one that changes an unpublished file, the commit in
    words and all paths of its tree; then, if the index changes such a file, "the index" and all its
    paths. ``found`` says by its globs which files are published; its ``beside_work`` is not
    read."""
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
