"""``scope``: only the editable files were changed since trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.checks import Check, Protection
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding, several
from pytest_ouro.core.schema import option
from pytest_ouro.evidence.git.client import split
from pytest_ouro.evidence.paths import BoundFolder, inside, join, matches, quoted
from pytest_ouro.evidence.published import published
from pytest_ouro.evidence.python import shadows
from pytest_ouro.evidence.repository import Change, Commit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.evidence import Evidence, Layout


#: Interpreters write it beside every module. `frozen-symbol` finds bytecode that was altered.
BYTECODE = ("**/__pycache__/*.pyc",)


@dataclass(frozen=True, kw_only=True)
class Scope(Check):
    """Only the editable files were changed since trust: by a commit, in the index, in the working
    tree, or by an untracked file. Files that a run leaves (``allowed``) may be untracked, and
    published files (``publish``) may be in report commits."""

    within: BoundFolder = option(
        "the folder that is watched, from the folder of bound.toml; by default the repository",
        default="",
    )

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        layout = evidence.layout
        within = self._watched(layout)
        editable = layout.editable_globs
        allowed = [*map(layout.path, layout.allowed), layout.ledger]
        if not _holds_files(evidence, within):
            yield Finding(
                f"no file is in {within}: nothing is watched",
                where=f"trust: {evidence.trust}",
                help="fix 'within' in bound.toml, then: pytest-ouro bless",
            )
        reports = published(evidence)
        strays: dict[str, list[Change]] = {}
        watched = [*evidence.repository.changes(within), *_ignore_files(evidence, within)]
        links: list[str] = []
        for change in (*watched, *_hidden(evidence, within, watched)):
            if matches(change.path, editable):
                if change.path not in links and _is_link(evidence, change.path):
                    links.append(change.path)
                continue
            if change.place == "untracked" and matches(change.path, (*allowed, *BYTECODE)):
                continue
            if reports.lawful(change.path):
                continue
            if evidence.trust.blessing_pending and change.place != "commit":
                continue  # a person has just blessed the working tree
            strays.setdefault(change.path, []).append(change)
        if strays:
            yield _finding(evidence, strays)
        for path in links:
            yield Finding(
                f"{path} is a link: what would run is not what is committed",
                where="its mode is that of a link or of a submodule",
                help=f"put the code itself into {path}",
                facts={"path": path},
            )

    def _watched(self, layout: Layout) -> str:
        """Return the watched folder from the repository's top; "" for the whole repository."""
        return join(layout.folder, self.within).rstrip("/") if self.within else ""

    def protects(self, layout: Layout) -> Protection:
        free = [*layout.editable_globs, *map(layout.path, layout.allowed), *BYTECODE]
        return Protection(within=self._watched(layout), free=free)


def _finding(evidence: Evidence, strays: dict[str, list[Change]]) -> Finding:
    """Report all files in one finding: a hundred findings would be unreadable."""
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
        help=_remedy(evidence, last) + _narrower(evidence, path),
        facts={"files": len(strays), "path": path, "place": last.place},
    )


def _narrower(evidence: Evidence, path: str) -> str:
    """Return how a person stops watching files outside of the folder of bound.toml."""
    if inside(path, evidence.layout.folder):
        return ""
    return '   (a person may watch that folder alone: within = "." in bound.toml)'


def _holds_files(evidence: Evidence, folder: str) -> bool:
    """Return whether a tracked or trusted file is in a folder."""
    repository = evidence.repository
    places = (repository.index, repository.head_tree, evidence.trust.committed)
    return not folder or any(inside(path, folder) for place in places for path in place)


def _is_link(evidence: Evidence, path: str) -> bool:
    """Return whether the commit, the index or the working tree has a link or a submodule."""
    repository = evidence.repository
    modes = [tree[path].mode for tree in (repository.head_tree, repository.index) if path in tree]
    if any(mode in ("120000", "160000") for mode in modes):
        return True
    return repository.subject == "working tree" and (repository.git.top / path).is_symlink()


def _hidden(evidence: Evidence, within: str, seen: list[Change]) -> list[Change]:
    """Return modules beside the script that git ignores only in this clone: by the settings of the
    clone, or by a .gitignore that ignores itself."""
    repository = evidence.repository
    if repository.subject != "working tree":
        return []
    folder = f"{evidence.layout.root}/" if evidence.layout.root else ""
    top = repository.git.top / folder
    known = {*repository.index, *(change.path for change in seen)}
    known |= {path[: path.find("/", len(folder))] for path in known if path.startswith(folder)}
    names = [folder + name for name in shadows.modules(top) if folder + name not in known]
    found = [name for name in names if (repository.git.top / name / ".gitignore").is_file()]
    if (top / ".gitignore").is_file() and f"{folder}.gitignore" not in known:
        found.append(f"{folder}.gitignore")
    if names:
        per_folder = ("-o", "-z", "--exclude-per-directory=.gitignore", "--")
        found += split(repository.git.call("ls-files", *per_folder, *names))
    return [Change(path, "untracked", "added") for path in found if inside(path, within)]


def _ignore_files(evidence: Evidence, within: str) -> list[Change]:
    """Return changes of .gitignore files above the watched folder, which can hide files in it."""
    above = within.split("/")
    names = {"/".join([*above[:depth], ".gitignore"]) for depth in range(len(above))}
    names -= {"/".join([within, ".gitignore"]).lstrip("/")}
    return evidence.repository.changes_of(names)


def _remedy(evidence: Evidence, change: Change) -> str:
    """Return how to undo a change."""
    path = quoted(change.path)
    if change.place == "untracked" and path.endswith("/"):  # to remove it could lose its work
        return f"{path} is a repository of its own: move it elsewhere, as by git worktree move"
    if change.place == "untracked":
        return f"rm {path}, or put the idea into an editable file"
    trust = evidence.trust
    if change.commit is None and trust.commit and trust.before(change.path) is not None:
        return f"git checkout {trust.commit[:7]} -- {path}"  # the guard lets this pass
    if change.place == "index":
        # A new file stays in the working tree: it may be the ledger.
        worktree = "" if change.kind == "added" else " --worktree"
        return f"git restore --staged{worktree} -- {path}"
    if change.place == "working tree":
        return f"git restore -- {path}"
    assert change.commit is not None
    if change.commit.id != evidence.repository.head:
        return f"git rebase -i {change.commit.id[:7]}~1 and drop the change"
    # What a run leaves stays in the working tree: the ledger would be removed with its commit.
    keep = "" if _adds_what_a_run_leaves(evidence, change.commit) else " --keep"
    return f"git reset{keep} {change.commit.id[:7]}~1 and commit the idea in an editable file alone"


def _adds_what_a_run_leaves(evidence: Evidence, commit: Commit) -> bool:
    layout = evidence.layout
    left = [*map(layout.path, layout.allowed), layout.ledger]
    changes = evidence.repository.committed
    return any(c.commit == commit and c.kind == "added" and matches(c.path, left) for c in changes)
