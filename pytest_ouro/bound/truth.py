"""Find the files that are the truth of an experiment (bound.toml, bound.lock, what is frozen), and
the commit to compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.bound.read import NAME
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence import lock
from pytest_ouro.evidence.paths import inside, join, matches, matching
from pytest_ouro.messages import checks as messages

if TYPE_CHECKING:
    from pytest_ouro.bound.read import Bound
    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.repository import Repository
    from pytest_ouro.evidence.trust import Trust


def is_glob(bound: str) -> bool:
    """Return whether ``bound``, a path or glob of bound.toml, has a wildcard (``*`` or ``?``), and
    so may name several files."""
    return "*" in bound or "?" in bound


def list_bounds(git: Git, commit: str, bound: str, *also: str) -> list[str]:
    """Return the sorted paths of the files that ``bound`` (a path, a glob, or "" for bound.toml at
    the top) matches in ``commit``, such as the one that is judged, or in one of the commits
    ``also``; [] if there are none. Raise GitError or LimitError if a commit cannot be read."""
    globs = [bound or NAME]
    return sorted({p for one in (commit, *also) for p in matching(git.tree(one), globs)})


def select_bounds(git: Git, bound: str, trusted: str, checked: str) -> list[str]:
    """Return the sorted paths of each bound.toml that the glob ``bound`` matches in the commit
    ``trusted``. Raise TrustError if there is none, if ``trusted`` is "", or if the commit
    ``checked`` has a further one. Raise GitError or LimitError if a commit cannot be read."""
    paths = list_bounds(git, trusted, bound) if trusted else []
    new = set(list_bounds(git, checked, bound)).difference(paths)
    if new or not paths:
        raise messages.no_trusted_bound(trusted[:7], min(new, default=bound))
    return paths


def list_truth(bound: Bound) -> list[str]:
    """Return the globs, relative to the repository's top, of bound.toml, bound.lock, the harness,
    the script that prepares the data, and all files that rules freeze."""
    layout = bound.layout
    own = [join(bound.folder, name) for name in (NAME, lock.NAME)]
    frozen = (rule.checker.protects(layout).frozen for rule in bound.rules)
    return [*own, *map(layout.path, layout.run_by_us), *(g for globs in frozen for g in globs)]


def reaches(bound: Bound, repository: Repository) -> bool:
    """Return whether any change since the trusted commit concerns the experiment: it is in a file
    of the truth, an editable file or the ledger, or in a folder that a rule watches and not in a
    file that this rule lets change. Raise GitError or LimitError if the commits cannot be read."""
    layout = bound.layout
    protected = [rule.checker.protects(layout) for rule in bound.rules]
    files = [*list_truth(bound), *layout.editable_globs, layout.ledger]
    return any(
        matches(path, files)
        or any(
            one.within is not None and inside(path, one.within) and not matches(path, one.free)
            for one in protected
        )
        for path in {change.path for change in repository.changes()}
    )


def point_of_departure(trust: Trust, bound: Bound, repository: Repository) -> Trust:
    """Return the trust to compare the checked commit with. This is ``trust`` at the merge base of
    the checked and the trusted commit, so that later changes in the trusted one do not count
    against the checked one.

    Return ``trust`` unchanged if there is no merge base, if the trusted commit is the merge base,
    or if the truth changed between the two and the checked commit has the same change. Raise
    TrustError if the truth changed and the checked commit lacks the change.
    """
    git, base = trust.git, repository.base
    if not base or base == trust.commit:
        return trust
    before, now = git.tree(base), git.tree(trust.commit)
    moved = matching(sorted({path for path, _ in before.items() ^ now.items()}), list_truth(bound))
    if not moved:
        return replace(trust, commit=base)
    if all(repository.head_tree.get(path) == now.get(path) for path in moved):
        return trust
    raise messages.rules_moved(str(trust), moved, trust.commit)
