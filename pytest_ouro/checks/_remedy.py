"""Find the commits that introduced a fault, and the command that undoes a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.evidence.paths import matches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_ouro.evidence.evidence import Evidence
    from pytest_ouro.evidence.repository import Commit, Place, Repository

_BLESS = "   (a person may bless a change: pytest-ouro bless)"


def undo_command(evidence: Evidence, path: str, *, known: bool = True) -> str:
    """Return the shell command that undoes the changes of a file since trust, followed by a note
    that a person may bless them.

    The command takes the changes out of the commits since trust. If no commit changed the file, the
    command restores the trusted file or, if trust lacks the file (``known`` is False), removes it.
    If the trusted bytes are in no commit, return words in place of a command: a person may bless
    the present file.
    """
    trust = evidence.trust
    if command := drop_command(evidence, [path]):
        remedy = command
    elif known and trust.can_restore(path):
        remedy = command_for(evidence.repository, f"git checkout {trust.commit[:7]} --", [path])
    elif known:
        return f"no commit has the blessed {path}: a person may bless this one: pytest-ouro bless"
    else:
        remedy = remove_command(evidence.repository, path)
    return remedy + _BLESS


def remove_command(repository: Repository, path: str) -> str:
    """Return the shell command that removes a file from the disk, and from the index if it is
    there."""
    return command_for(repository, "git rm -f" if path in repository.index else "rm", [path])


def command_for(repository: Repository, command: str, paths: Iterable[str]) -> str:
    """Return ``command`` followed by the first 20 of ``paths``, quoted for a shell; further paths
    are left out. `advice.command_for` is called, which adds options that a folder or a
    skip-worktree file needs."""
    from pytest_ouro.evidence.git import advice

    return advice.command_for(repository.git, repository.index, command, paths)


def drop_command(evidence: Evidence, paths: Iterable[str], *, stay: Sequence[str] = ()) -> str:
    """Return the shell command that takes the changes of the files ``paths`` out of the commits
    since trust; "" if no commit changed any of these files.

    The command moves the branch back to before the first such commit, and keeps what this and later
    commits did to other files, to be committed again. If that first commit has no parent, the
    command moves the branch to the trusted commit alone. ``stay`` are globs of new files that the
    command leaves on the disk.
    """
    repository, wanted = evidence.repository, set(paths)
    changes = repository.committed
    first = next((n for n, change in enumerate(changes) if change.path in wanted), None)
    commit = None if first is None else changes[first].commit
    if commit is None:
        return ""
    oldest = repository.on_branch(commit)
    parents = repository.git.store.commit(oldest)[1]
    if not parents:  # another history, which trust does not begin
        return f"git reset --keep {evidence.trust.commit[:7]}"
    target, before = f"{oldest[:7]}~1", repository.git.tree(parents[0])
    touched = [p for p in sorted(wanted) if repository.index.get(p) != before.get(p)]
    kept = [path for path in touched if path not in before and matches(path, stay)]
    since = changes if oldest != commit.id else changes[first:]
    dirty = _dirty(repository, wanted)
    if not kept and not dirty and all(change.path in wanted for change in since):
        return f"git reset --keep {target}"
    steps = [f"git reset --soft {target}"]
    back = [p for p in wanted if p in before and (p in touched or p in dirty)]
    source = evidence.trust.commit[:7] if _is_trusted(evidence, back, before) else target
    steps += _step(repository, f"git checkout {source} --", back)
    gone = [path for path in touched if path not in before and path not in kept]
    if kept and not back and not gone:  # a reset of the index alone leaves all files as they are
        return f"git reset {target}   (the files stay as they are; then commit the idea alone)"
    steps += _step(repository, "git rm --cached --", kept)
    steps += _step(repository, "git rm -f --", gone)
    return f"{' && '.join(steps)}, then git commit"


def stash(repository: Repository, command: str) -> str:
    """Return ``command``, a command of a help that moves the branch, so that it also works with
    uncommitted changes of tracked files: after ``git stash``, and with a note on how to get the
    changes back. Return it alone if no such changes are found.

    Only the checked places are looked at: neither the index nor the disk if a commit is checked,
    not the disk if the index is. New files whose content is not in the index (``git add -N``) are
    added before, since git stashes nothing while there is one.
    """
    if not (repository.staged or repository.unstaged()):
        return command
    steps = [*_step(repository, "git add --", repository.intended), "git stash", command]
    return f"{', then '.join(steps)}; your changes wait in the stash (git stash pop)"


def or_drop(evidence: Evidence, path: str, commit: Commit) -> str:
    """Return ``; or drop …: git reset …``, to be put behind a help: the command that drops
    ``commit`` and all later commits. "" if the file ``path`` has uncommitted changes, which would
    be in the way."""
    repository = evidence.repository
    if _dirty(repository, {path}):
        return ""
    oldest = repository.on_branch(commit)
    what = "the commit" if oldest == repository.head else "it and the later commits"
    return f"; or drop {what}: git reset --keep {oldest[:7]}~1"


def places(
    evidence: Evidence,
    path: str,
    versions: Mapping[Place, bytes | None],
    fault: Callable[[bytes | None], object],
) -> tuple[list[str], Commit | None]:
    """Find where a fault of the file at ``path`` comes from. Return a tuple: texts that name the
    places that introduced the fault (commits, ``the index``, ``the working tree``); and the first
    of these commits, None if no commit since trust introduced the fault.

    ``versions`` maps each place to the bytes of the file there, None if the file is absent;
    ``fault`` returns something true for bytes that have the fault. For a fault in the checked
    commit, the commits that introduced the fault are named, or the checked commit if there are
    none. A place is left out if it has the same bytes as the last faulty place.
    """
    words: list[str] = []
    first: Commit | None = None
    before: bytes | None = b""
    for place, data in versions.items():
        if not fault(data) or (words and data == before):
            continue
        before = data
        if place != "commit":
            words.append(f"the {place}")
            continue
        guilty = _guilty(evidence, path, fault)
        first = guilty[0] if guilty else None
        words += [str(commit) for commit in guilty] or [f"commit {evidence.repository.head[:7]}"]
    return words, first


def _guilty(evidence: Evidence, path: str, fault: Callable[[bytes | None], object]) -> list[Commit]:
    """Return the commits since trust, oldest first, that gave the file its present fault: the first
    commit with the fault after the last version without it, and each later commit that changed what
    ``fault`` returns. [] if no commit did, or if the last version has no fault."""
    found: list[Commit] = []
    last: object = None
    for change in evidence.repository.committed:
        if change.path != path or change.commit is None:
            continue
        now = fault(evidence.repository.git.file(change.commit.id, path))
        if not now:
            found = []
        elif now != last or not found:
            found.append(change.commit)
        last = now
    return found


def _dirty(repository: Repository, paths: set[str]) -> set[str]:
    """Return those of ``paths`` with changes in the index or the working tree that are not
    committed; the empty set if only a commit is checked."""
    if repository.subject == "commit":
        return set()
    found = repository.changes_of(paths)
    return {change.path for change in found if change.place in ("index", "working tree")}


def _is_trusted(evidence: Evidence, paths: Iterable[str], before: Mapping[str, object]) -> bool:
    """Return whether each file of ``paths`` has the same entry in the trusted commit as in the tree
    ``before``. Then a checkout from the trusted commit, which the guard allows, gives the same
    files. ``before`` maps at least these paths to their entries. False if the trusted commit lacks
    one of the files; True for no paths."""
    trust = evidence.trust
    tree = trust.git.tree(trust.commit) if trust.commit else {}
    return all(path in tree and tree[path] == before[path] for path in paths)


def _step(repository: Repository, command: str, paths: Iterable[str]) -> list[str]:
    """Return a list of one text, the shell command `command_for` for the first 20 of these paths,
    sorted and quoted; [] if there are no paths."""
    named = sorted(paths)
    return [command_for(repository, command, named)] if named else []
