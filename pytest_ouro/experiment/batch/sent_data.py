"""Find which data of an experiment travels with the commits of a batch, and which a worker must
have: a worker's working tree has what is committed, and nothing else."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.evidence import data
from pytest_ouro.messages import engines as messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.engine import Case


class SentData(NamedTuple):
    """The data of an experiment: ``outside`` are the globs of the files that are read where they
    lie, on each machine; ``brought`` the lines (`Fingerprints.lines`) of those that are committed.
    ``is_whole``: these two are all the data there is. Otherwise, as when each worker makes files in
    its working tree, ``brought`` is (). ``digest`` is that of ``outside`` and ``brought`` on this
    machine, "" if a file outside is missing here, or if both have no file."""

    outside: tuple[str, ...]
    brought: tuple[str, ...]
    is_whole: bool
    digest: str


def describe_data(case: Case, experiment: Experiment) -> SentData:
    """Return the data of an experiment as a batch has it. Raise OuroError if a file cannot be read,
    RuntimeError if the home folder is unknown."""
    root, known = case.evidence.root, case.evidence.fingerprints
    outside = tuple(glob for glob in experiment.data if data.is_outside(glob))
    inside = [glob for glob in experiment.data if not data.is_outside(glob)]
    is_whole = not data.missing(tuple(inside), root) and not _find_unsent(case, inside)
    brought = known.lines(inside, root) if is_whole else []
    lines = [] if data.missing(outside, root) else [*known.lines(outside, root), *brought]
    return SentData(outside, tuple(brought), is_whole, data.total_of(lines) if lines else "")


def demand_sent(case: Case, experiment: Experiment) -> None:
    """Raise ExperimentError if data at a path relative to bound.toml is missing or not committed as
    it is here, and the bound states no script that a worker could make it with. A file that is
    reached by a committed link may lie anywhere."""
    if experiment.prepare:
        return
    inside = [glob for glob in experiment.data if not data.is_outside(glob)]
    for name, is_linked in _find_unsent(case, inside).items():
        if not is_linked:
            raise messages.uncommitted_data(name)
    if missing := data.missing(tuple(inside), case.evidence.root):
        raise messages.no_committed_data(missing[0])


def _find_unsent(case: Case, inside: Sequence[str]) -> dict[str, bool]:
    """Return the names of the files that these relative globs match and that are not committed as
    they are here, each with whether it is reached through a committed link or submodule."""
    if not inside:
        return {}
    repository, top = case.repository, str(case.repository.git.top)
    changed = {one.path for one in (*repository.staged, *repository.unstaged(case.bound.root))}
    found = {}
    for path, name in data.names(inside, case.evidence.root).items():
        at = os.path.relpath(os.path.normpath(path), top)
        if at not in repository.head_tree or at in changed:
            above = map(str, PurePosixPath(at).parents)
            found[name] = any(folder in repository.head_tree for folder in above)
    return found
