"""Apply a verdict to the branch: a keep stays, a discard and a crash go back to the last keep.

The tried commit stays reachable as ``refs/ouro/tried/<n>`` in any case, and nothing that is not
committed is ever touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence.content import canonical, on_disk
from pytest_ouro.evidence.paths import matches
from pytest_ouro.experiment.steps.write_tree import replace_file
from pytest_ouro.experiment.terms import repo
from pytest_ouro.messages import checkout as messages

if TYPE_CHECKING:
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.git.objects import Entry


@dataclass(frozen=True)
class Settlement:
    """What was done, or is to be done. ``refused`` says why it was not done though asked for."""

    text: str
    refused: str = ""


def settle(case: Case, *, target: str, tried: str, apply: bool) -> Settlement:
    """Return the branch from the commit just tried to ``target``, its last keep.

    ``case`` is the one that was run: its head and branch are those of before. Without ``apply``,
    or where it would be unsafe, only the command is told.
    """
    command = f"git reset --keep {target[:7]}"
    stays = f"the try stays as {tried}"
    advice = Settlement(f"ouro: to settle: {command}   ({stays})")
    if not apply:
        return advice
    if why := _unsafe(case, target):
        return Settlement(advice.text, refused=f"ouro: not settled: {why}")
    try:
        return_branch(case.repository.git, target)
    except (OuroError, OSError) as error:
        why = error.message if isinstance(error, OuroError) else str(error)
        return Settlement(advice.text, refused=f"ouro: not settled: {why}")
    return Settlement(f"ouro: settled: {case.evidence.branch} is back at {target[:7]}   ({stays})")


def return_branch(git: Git, target: str) -> None:
    """Move the branch, the index and the files that differ to ``target``, without any filter or
    hook. GitError if a change that is not committed would be lost; OSError if a file cannot be
    written."""
    head, tree = git.tree(git.head), git.tree(target)
    paths = [path for path in sorted(head.keys() | tree.keys()) if head.get(path) != tree.get(path)]
    for path in paths:
        _demand_unchanged(git, path, head.get(path))
    for path in paths:
        entry = tree.get(path)
        if entry is None:
            (git.top / path).unlink(missing_ok=True)
        else:
            replace_file(git.top, path, entry.mode, git.store.read(entry.blob))
        repo.stage(git, path, entry)
    repo.move_branch(git, to=target)


def _demand_unchanged(git: Git, path: str, entry: Entry | None) -> None:
    """GitError if the file on the disk is not the one that is committed, or is kept by Git LFS."""
    found = on_disk(str(git.top / path))
    if entry is None:
        unchanged = found is None
    else:
        blob = git.store.read(entry.blob)
        unchanged = found is None or canonical(found[1]) == canonical(blob)
    if not unchanged:
        raise messages.not_as_committed(path)


def _unsafe(case: Case, target: str) -> str:
    """Why the branch must not be moved, in words; "" if it may."""
    before, now = case.repository, case.again().repository
    branch = before.git.branch
    if not branch:
        return "HEAD is detached: there is no branch to return"
    if (now.git.head, now.git.branch) != (before.head, branch):
        return f"{branch} moved during the run"
    if branch == _trusted_branch(case):
        return f"{branch} is the trusted branch itself"
    changed = [*now.staged, *now.unstaged()]
    if changed:
        return f"{changed[0].path} has changes that are not committed"
    editable = [case.bound.path(path) for path in case.experiment.editable]
    lost = _others(now.git, target, before.head, editable)
    return f"{lost} would be lost too, and no experiment made it" if lost else ""


def _trusted_branch(case: Case) -> str:
    """The branch that trust names, if it names one."""
    name = case.trust.git.line("config", "--get", "ouro.trust")
    return repo.branch_of(case.trust.git, name) if name else ""


def _others(git: Git, target: str, head: str, editable: list[str]) -> str:
    """A commit between target and head that changed more than editable files; "" if none did."""
    for commit in git.call("rev-list", f"{target}..{head}").decode().split():
        paths = git.call("diff-tree", "-r", "--no-commit-id", "--name-only", "-z", "--root", commit)
        if any(not matches(p, editable) for p in paths.decode(errors="replace").split("\0") if p):
            return f"commit {commit[:7]}"
    return ""
