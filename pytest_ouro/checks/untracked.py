"""``untracked``: these files stay out of git: index, tree and every commit since trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.checks import Check, Protection
from pytest_ouro.checks._remedy import command_for, drop_command
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding, several
from pytest_ouro.core.schema import FILLED, option
from pytest_ouro.evidence.paths import Glob, matches, matching
from pytest_ouro.evidence.published import published

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.evidence import Evidence, Layout


@dataclass(frozen=True, kw_only=True)
class Untracked(Check):
    """The files stay out of git: out of the commit, the index and every commit since trust, even if
    a later one removed them. Files that ``[experiment]`` publishes (``publish``) may be in report
    commits."""

    paths: tuple[Glob, ...] = option(
        "globs relative to the experiment's root", items=1, pattern=FILLED
    )

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield a finding for each file that the rule names and that is in git or was in a commit
        since trust, sorted by path. A published file (``publish``) gives one only if it lies in a
        commit or an index that also changes unpublished files."""
        repository = evidence.repository
        globs = [evidence.layout.path(path) for path in self.paths]
        reports = published(evidence)
        places: dict[str, list[str]] = {}
        for change in repository.committed:
            if change.kind != "deleted" and matches(change.path, globs):
                places.setdefault(change.path, []).append(change.where)
        for path in matching(repository.head_tree, globs):
            places.setdefault(path, [f"commit {repository.head[:7]}"])
        for path in matching(repository.index.keys() - repository.head_tree.keys(), globs):
            places.setdefault(path, []).append("the index")
        for path, where in sorted(places.items()):
            if not reports.named(path):
                yield _tracked(evidence, path, where, globs)
            elif path in reports.beside_work:
                yield _beside_work(evidence, path, reports.beside_work[path], globs)

    def protects(self, layout: Layout) -> Protection:
        """Return that the files of the globs may not be added to git."""
        return Protection(untracked=[layout.path(path) for path in self.paths])


def _tracked(evidence: Evidence, path: str, where: list[str], globs: list[str]) -> Finding:
    """Return the finding that a file is in git and may not be. ``where`` names the commits that
    have it, or the index; ``globs``, relative to the repository's top, are the files that the rule
    keeps out of git."""
    return Finding(
        f"{path} is in git; it must stay untracked",
        where=f"added in: {several(where)}",
        help=_out_of_git(evidence, path, globs),
        facts={"path": path},
        paths=(path,),
    )


def _beside_work(evidence: Evidence, path: str, where: list[str], globs: list[str]) -> Finding:
    """Return the finding that a published file is in git beside other work, in the places ``where``
    (commits or the index): only a report commit, the last one of a session, may add it. ``globs``
    are the files that the rule keeps out of git."""
    return Finding(
        f"{path} is in git beside other work; it is published by a report commit, the last one",
        where=f"held by: {several(where)}",
        help=f"{_out_of_git(evidence, path, globs)}; commit it alone when the session is over",
        facts={"path": path},
        paths=(path,),
    )


def _out_of_git(evidence: Evidence, path: str, globs: list[str]) -> str:
    """Return the shell command that takes a file out of git: out of the commits since trust if one
    of them added or changed it, else out of the index. New files that match ``globs`` stay on the
    disk."""
    found = drop_command(evidence, [path], stay=globs)
    return found or command_for(evidence.repository, "git rm --cached --", [path])
