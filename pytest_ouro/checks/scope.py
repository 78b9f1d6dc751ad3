"""``scope``: only the editable files were changed since trust; everything else is fixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ouro.checks import Check
from pytest_ouro.evidence.paths import join, matches
from pytest_ouro.finding import Finding, several

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.observed import Evidence
    from pytest_ouro.evidence.repository import Change


@dataclass(frozen=True, kw_only=True)
class Scope(Check):
    """``within``: the folder that is watched, from the folder of bound.toml (default: the whole
    repository). What may change is ``editable`` and, untracked, ``allowed`` of [experiment]."""

    within: str = ""

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        layout = evidence.layout
        within = join(layout.folder, self.within)
        editable = [layout.path(path) for path in layout.editable]
        allowed = [layout.path(path) for path in layout.allowed]
        strays: dict[str, list[Change]] = {}
        for change in evidence.repository.changes(within.rstrip("/")):
            if matches(change.path, editable):
                continue
            if change.place == "untracked" and matches(change.path, allowed):
                continue
            if evidence.trust.blessing_pending and change.place != "commit":
                continue  # the files that lie here were just declared the truth
            strays.setdefault(change.path, []).append(change)
        for path, changes in sorted(strays.items()):
            last = changes[-1]
            yield Finding(
                f"{path} was {last.kind}; only {several(list(layout.editable))} may change",
                where=f"{last.kind} in: {several([c.where for c in reversed(changes)])}"
                if last.place != "untracked"
                else "untracked in the working tree",
                help=_remedy(evidence, last),
                facts={"path": path, "place": last.place},
            )


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
