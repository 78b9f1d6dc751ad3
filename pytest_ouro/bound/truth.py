"""Compare with the truth of an experiment: bound.toml, bound.lock, all that is frozen."""

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
    """Return whether ``bound`` may name several files."""
    return "*" in bound or "?" in bound


def list_bounds(git: Git, commit: str, bound: str, *also: str) -> list[str]:
    """Return the paths of each bound.toml that ``bound`` (a path, a glob, "" for the one at the
    top) names in ``commit`` or one of the commits ``also``, sorted; [] if they have none. GitError
    or LimitError if a commit cannot be read."""
    globs = [bound or NAME]
    return sorted({p for one in (commit, *also) for p in matching(git.tree(one), globs)})


def select_bounds(git: Git, bound: str, trusted: str, checked: str) -> list[str]:
    """Return the paths of each bound.toml that the glob ``bound`` names in the trusted commit.
    TrustError if there is none (``trusted`` may be ""), or if the checked commit has another."""
    paths = list_bounds(git, trusted, bound) if trusted else []
    new = set(list_bounds(git, checked, bound)).difference(paths)
    if new or not paths:
        raise messages.no_trusted_bound(trusted[:7], min(new, default=bound))
    return paths


def list_truth(bound: Bound) -> list[str]:
    """Return the globs, from the repository's top, of the files that are the truth: bound.toml,
    bound.lock, the files that we run, and those that rules freeze."""
    layout = bound.layout
    own = [join(bound.folder, name) for name in (NAME, lock.NAME)]
    frozen = (rule.checker.protects(layout).frozen for rule in bound.rules)
    return [*own, *map(layout.path, layout.run_by_us), *(g for globs in frozen for g in globs)]


def reaches(bound: Bound, repository: Repository) -> bool:
    """Return whether a change since trust is in a file of the experiment or one that a rule
    watches. GitError if the commits cannot be read."""
    layout = bound.layout
    folders = [rule.checker.protects(layout).within for rule in bound.rules]
    files = [*list_truth(bound), *layout.editable_globs, layout.ledger]
    paths = {change.path for change in repository.changes()}
    watched = [folder for folder in folders if folder is not None]
    return any(matches(p, files) or any(inside(p, folder) for folder in watched) for p in paths)


def point_of_departure(trust: Trust, bound: Bound, repository: Repository) -> Trust:
    """Return the trust with which the checked commit is compared: the point where it left the
    history of trust, so that it is not blamed for what came later; ``trust`` itself if it left
    none. TrustError if the truth changed after that point and the commit does not have it."""
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
