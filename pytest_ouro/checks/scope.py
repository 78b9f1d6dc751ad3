"""``scope``: only the editable files were changed since trust; everything else is fixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ouro.checks import Check
from pytest_ouro.evidence.paths import join, matches
from pytest_ouro.finding import Finding, several
from pytest_ouro.schema import option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.observed import Evidence
    from pytest_ouro.evidence.repository import Change


@dataclass(frozen=True, kw_only=True)
class Scope(Check):
    """Only the editable files were changed since trust: by a commit, in the index, in the working
    tree, or by an untracked file. What a run leaves (``allowed``) may lie there untracked."""

    within: str = option(
        "the folder that is watched, from the folder of bound.toml; by default the repository",
        default="",
    )

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        layout = evidence.layout
        within = join(layout.folder, self.within)
        editable = [layout.path(path) for path in layout.editable]
        allowed = [layout.path(path) for path in layout.allowed]
        strays: dict[str, list[Change]] = {}
        within = within.rstrip("/")
        watched = [*evidence.repository.changes(within), *_ignore_files(evidence, within)]
        for change in watched:
            if matches(change.path, editable):
                continue
            if change.place == "untracked" and matches(change.path, allowed):
                continue
            if evidence.trust.blessing_pending and change.place != "commit":
                continue  # the files that lie here were just declared the truth
            strays.setdefault(change.path, []).append(change)
        if strays:
            yield _finding(evidence, strays)


def _finding(evidence: Evidence, strays: dict[str, list[Change]]) -> Finding:
    """One finding for all the files, so that a hundred of them stay readable."""
    only = several(list(evidence.layout.editable))
    path, changes = next(iter(sorted(strays.items())))
    last = changes[-1]
    if len(strays) == 1:
        headline = f"{path} was {last.kind}; only {only} may change"
        where = (
            f"{last.kind} in: {several([change.where for change in reversed(changes)])}"
            if last.place != "untracked"
            else "untracked in the working tree"
        )
    else:
        headline = f"{len(strays)} files changed outside {only}"
        where = several([f"{p} ({found[-1].where})" for p, found in sorted(strays.items())])
    return Finding(
        headline,
        where=where,
        help=_remedy(evidence, last),
        facts={"files": len(strays), "path": path, "place": last.place},
    )


def _ignore_files(evidence: Evidence, within: str) -> list[Change]:
    """Changes of .gitignore files above the watched folder: they decide what is seen in it."""
    above = within.split("/")
    names = {"/".join([*above[:depth], ".gitignore"]) for depth in range(len(above))}
    names -= {"/".join([within, ".gitignore"]).lstrip("/")}
    return [change for change in evidence.repository.changes() if change.path in names]


def _remedy(evidence: Evidence, change: Change) -> str:
    if change.place == "untracked":
        return f"rm {change.path}, or put the idea into an editable file"
    if change.place == "index":
        return f"git restore --staged --worktree -- {change.path}"
    if change.place == "working tree":
        return f"git restore -- {change.path}"
    assert change.commit is not None
    return (
        f"git reset --keep {change.commit.id[:7]}~1 and commit the idea in an editable file alone"
        if change.commit.id == evidence.repository.head
        else f"git rebase -i {change.commit.id[:7]}~1 and drop the change"
    )
