"""What must be true before a run may start: committed code, writable records, data.

Everything here raises ExperimentError with the remedy; nothing is recorded yet.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.evidence.paths import inside, matches
from pytest_ouro.experiment.steps.evaluate_command import demand_trusted
from pytest_ouro.experiment.terms import temp_folders
from pytest_ouro.experiment.terms.names import LOG, cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.engine import Case

#: Bytes that must be free where a run writes.
ROOM = 16 << 20

#: The mode of a tree's entry that is a commit of another repository.
_SUBMODULE = "160000"


def rehearse(experiment: Experiment, budget: float | None) -> Experiment:
    """The experiment with a shorter budget; the same one where none is asked for."""
    if budget is None:
        return experiment
    if budget > experiment.budget:
        raise ExperimentError(
            f"--ouro-budget {budget:g} is more than the bound's {experiment.budget:g} s",
            help="a rehearsal may only be shorter; a person changes the budget in bound.toml",
        )
    return replace(experiment, budget=budget)


def demand_committed(case: Case) -> None:
    """Only what is committed is measured: an edit that is not committed is no experiment."""
    editable = [case.bound.path(path) for path in case.experiment.editable]
    repository = case.repository
    for change in (*repository.staged, *repository.unstaged(case.bound.root)):
        if matches(change.path, editable):
            raise ExperimentError(
                f"{change.path} has changes that are not committed, and only commits are measured",
                help=f'git commit -m "what you try" -- {change.path}',
            )
    if case.trust.blessing_pending:
        raise ExperimentError(
            "bound.lock is not committed: the blessing has no commit to be compared with",
            help="git add bound.lock bound.toml and git commit",
        )
    if case.experiment.command:
        demand_trusted(case)
        return
    script = case.bound.path(case.experiment.script)
    if script not in repository.head_tree:
        raise ExperimentError(
            f"{script} is not in commit {repository.head[:7]}",
            help="git add and commit it, or mend 'script' in bound.toml",
        )


def demand_no_submodule(case: Case) -> None:
    """What is in a submodule is in no commit of ours: the clean worktree would lack it."""
    for path, entry in sorted(case.repository.head_tree.items()):
        if entry.mode == _SUBMODULE and inside(path, case.bound.root):
            raise ExperimentError(
                f"{path} is a submodule: its files are not in commit {case.repository.head[:7]}, "
                "and only what is committed is measured",
                help=f"commit the files themselves (git rm --cached {path}, remove {path}/.git, "
                f"git add {path}), or install them as a package; a person blesses it",
            )


def demand_same_head(case: Case, commit: str) -> None:
    """Repeats are of one commit: nobody may commit or switch between them."""
    if case.repository.head != commit:
        raise ExperimentError(
            f"HEAD moved from {commit[:7]} to {case.repository.head[:7]} between two repeats",
            help="what was measured is recorded; leave the branch alone and start the repeats anew",
        )


def demand_writable(case: Case) -> None:
    """A run whose record could not be written, or would be compared with edited ones, must not
    start."""
    case.evidence.journal.demand_whole()
    root, folder = case.repository.git.top / case.bound.root, case.evidence.journal.folder
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    ledger = case.repository.git.top / case.bound.path(case.experiment.ledger)
    for place in (root, folder, root / LOG, ledger, case.evidence.journal.path):
        if why := _unwritable(place):
            raise ExperimentError(
                f"{place} cannot be written: {why}: the run could not be recorded",
                help=f"it must be a plain file of yours: rm {place}"
                if why == os.strerror(errno.ELOOP)
                else "mend its permissions and run again",
            )
    for place in (root, folder, cache_folder()):
        _demand_room(place)


def _unwritable(place: Path) -> str:
    """Why nothing can be written there; "" if something can, or nothing is there yet."""
    if place.is_dir():
        return "" if os.access(place, os.W_OK) else "no permission"
    plain = os.O_NOFOLLOW if place.name == LOG else 0  # what it leads to would be overwritten
    try:
        os.close(os.open(place, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | plain))
    except FileNotFoundError:
        return ""
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _demand_room(place: Path) -> None:
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < ROOM:
        raise ExperimentError(
            f"the disk of {place} is full: {free >> 20} MB are free, and a run needs {ROOM >> 20}",
            help="free some space and run again",
        )


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for what a run leaves to nobody; gone afterwards."""
    with temp_folders.temporary() as path:
        _demand_room(path)
        yield path
