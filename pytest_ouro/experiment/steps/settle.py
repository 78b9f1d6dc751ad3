"""Apply a verdict to the branch: after a discard or a crash, move it back to the last keep; after a
batch, forward to the best candidate.

The tried commit always stays reachable as ``refs/ouro/tried/<n>``. A change that is not committed
is never lost: the branch then stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence.content import canonical, on_disk
from pytest_ouro.evidence.git.attributes import as_committed
from pytest_ouro.evidence.paths import matches
from pytest_ouro.experiment.steps.write_tree import replace_file
from pytest_ouro.experiment.terms import repo
from pytest_ouro.messages import checkout as messages

if TYPE_CHECKING:
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.git.objects import Entry


def settle(case: Case, *, target: str, tried: str, apply: bool) -> tuple[str, ...]:
    """Move the branch back from the tried commit to the commit that `place_to_return` returns for
    ``target``, the last keep; return lines that say what was done, () if the branch is there
    already.

    With ``apply`` False, or if the branch must not or cannot be moved, it stays, and a line names
    the command that would move it. ``case`` is that of the run, observed before the run; ``tried``
    is the ref of the tried commit.
    """
    target = place_to_return(case, target)
    if target == case.repository.head:
        return ()
    stays = f"the try stays as {tried}"
    advice = f"ouro: to settle: git reset --keep {target[:7]}   ({stays})"
    if not apply:
        return (advice,)
    why = _find_obstacle(case, target)
    if not why:
        try:
            return_branch(case.repository.git, target)
        except (OuroError, OSError) as error:
            why = error.message if isinstance(error, OuroError) else str(error)
    if why:
        return (f"ouro: not settled: {why}", advice)
    return (f"ouro: settled: {case.evidence.branch} is back at {target[:7]}   ({stays})",)


def fast_forward(case: Case, target: str, *, apply: bool) -> tuple[str, ...]:
    """Move the branch forward to the commit ``target``, the best candidate of a batch; return lines
    that say what was done, () if the branch is there already.

    The branch stays with ``apply`` False, if ``target`` does not descend from its commit, or if it
    must not or cannot be moved: then a line names a command. It is not moved back to ``target``,
    either.
    """
    git, head = case.repository.git, case.repository.head
    if target == head:
        return ()
    common = git.line("merge-base", head, target)
    if common == target:
        return (f"ouro: to settle: git reset --keep {target[:7]}   (what follows was not kept)",)
    if common != head:
        why = f"{target[:7]} does not descend from {head[:7]}, the commit of the branch"
        advice = f"ouro: to settle: git rebase --onto {head[:7]} {target[:7]}~1 {target[:7]}"
        return (f"ouro: not settled: {why}", f"{advice}   (and measure it there)")
    advice = f"ouro: to settle: git merge --ff-only {target[:7]}"
    if not apply:
        return (advice,)
    if not (why := _find_obstacle(case, target)):
        try:
            return_branch(git, target)
        except (OuroError, OSError) as error:
            why = error.message if isinstance(error, OuroError) else str(error)
    if why:
        return (f"ouro: not settled: {why}", advice)
    return (f"ouro: settled: {case.evidence.branch} is at {target[:7]}",)


def place_to_return(case: Case, kept: str) -> str:
    """Return the commit to which the branch of ``case`` is settled if the commit ``kept`` is its
    last keep. Raise GitError if git fails.

    It is ``kept`` itself, unless commits follow it that are not experiments, such as a blessing:
    each has the commit before it as its only parent, and changes no editable file. Then it is the
    last of these, so that they are not lost.
    """
    git, head = case.repository.git, case.repository.head
    editable = [case.bound.path(path) for path in case.experiment.editable]
    for commit in git.call("rev-list", "--reverse", f"{kept}..{head}").decode().split():
        alone = git.store.commit(commit)[1] == [kept]
        if not alone or any(matches(path, editable) for path in _changed_by(git, commit)):
            break
        kept = commit
    return kept


def _changed_by(git: Git, commit: str) -> list[str]:
    """Return the paths, relative to the repository's top, that a commit changed compared with its
    parent; all its paths for a first commit, [] for a merge."""
    paths = git.call("diff-tree", "-r", "--no-commit-id", "--name-only", "-z", "--root", commit)
    return [path for path in paths.decode(errors="replace").split("\0") if path]


def return_branch(git: Git, target: str) -> None:
    """Move the branch from ``git.head`` to the commit ``target``. In the index and in the working
    tree, only the files in which the two commits differ are changed; no filter or hook runs.

    Raise ExperimentError, before anything is changed, if a change that is not committed would be
    lost. Raise OSError if a file cannot be written, GitError if the branch has moved meanwhile;
    some files may then be as in ``target`` already. Raise another OuroError if a file, or an object
    of git, cannot be read.
    """
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
    """Raise ExperimentError unless the file at ``path`` on the disk is missing or as committed
    (``entry``), except for line endings; with ``entry`` None, unless it is missing. A folder at the
    path counts as a missing file. Raise OuroError if the file cannot be read.

    A file of Git LFS passes only as its pointer, which is what is committed.
    """
    found = on_disk(str(git.top / path))
    if entry is None:
        unchanged = found is None
    else:
        blob = git.store.read(entry.blob)
        unchanged = found is None or canonical(as_committed(git, path, found[1])) == canonical(blob)
    if not unchanged:
        raise messages.not_as_committed(path, git.word(path))


def _find_obstacle(case: Case, target: str) -> str:
    """Return why the branch must not be moved to ``target``; "" if it may be.

    It must not if HEAD is detached or has moved, the branch is the trusted one, a change of a
    tracked file is not committed, or a commit after ``target`` changed a file that is not editable.
    """
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
    lost = _find_other_commit(now.git, target, before.head, editable)
    return f"commit {lost[:7]} would be lost too, and no experiment made it" if lost else ""


def _trusted_branch(case: Case) -> str:
    """Return the branch that git's setting ``ouro.trust`` names, without ``refs/heads/``; "" if it
    names no branch, or is not set."""
    name = case.trust.git.line("config", "--get", "ouro.trust")
    return repo.branch_of(case.trust.git, name) if name else ""


def _find_other_commit(git: Git, target: str, head: str, editable: list[str]) -> str:
    """Return the id of the newest commit after ``target`` up to ``head`` that changed a file which
    is not editable; "" if there is none. ``editable`` are globs."""
    for commit in git.call("rev-list", f"{target}..{head}").decode().split():
        if any(not matches(path, editable) for path in _changed_by(git, commit)):
            return commit
    return ""
