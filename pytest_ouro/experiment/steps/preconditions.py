"""Check what must be true before a run starts: committed code, programs that exist, writable
records, free space.

Every function whose name begins with ``demand`` raises an OuroError with a remedy, mostly
ExperimentError, if that is not true, and otherwise returns None. Nothing is recorded yet.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.plain_file import make_folder, open_plain
from pytest_ouro.evidence.cache import cache_folder
from pytest_ouro.evidence.content import SPECIAL, refuse_other
from pytest_ouro.evidence.ledger.ledger import column_fault
from pytest_ouro.evidence.paths import inside, matches
from pytest_ouro.experiment.steps.evaluate_command import demand_trusted
from pytest_ouro.experiment.terms.names import LOG, demand_programs, is_relative
from pytest_ouro.messages import experiment as messages

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.engine import Case

#: Megabytes that must be free on every disk that a run writes to.
ROOM = 16

#: The mode of a tree's entry for a submodule.
_SUBMODULE = "160000"


def rehearse(experiment: Experiment, budget: float | None) -> Experiment:
    """Return the experiment with this ``budget``, in seconds, in place of its own, or unchanged for
    None. Its ``steps``, if it has them, become fewer in the same proportion, rounded, but at least
    1. Raise ExperimentError if ``budget`` is longer than its own."""
    if budget is None:
        return experiment
    if budget > experiment.budget:
        raise messages.budget_too_long(f"{budget:g}", f"{experiment.budget:g}")
    steps = experiment.steps and max(1, round(experiment.steps * budget / experiment.budget))
    return replace(experiment, budget=budget, steps=steps)


def demand_committed(case: Case) -> None:
    """Raise ExperimentError if a change of a tracked editable file, or a blessing, is not
    committed.

    Raise it too if HEAD lacks the script; and, for a command with a bound.lock, if the trusted
    commit lacks a file as it was blessed.
    """
    editable = [case.bound.path(path) for path in case.experiment.editable]
    repository = case.repository
    for change in (*repository.staged, *repository.unstaged(case.bound.root)):
        if matches(change.path, editable):
            raise messages.not_committed(change.path, repository.git.word(change.path))
    if case.trust.blessing_pending:
        raise messages.blessing_not_committed(
            *map(repository.git.word, (case.trust.lock_path, case.trust.bound_path))
        )
    if case.experiment.command:
        demand_trusted(case)
        return
    script = case.bound.path(case.experiment.script)
    if script not in repository.head_tree:
        raise messages.script_not_committed(script, repository.head)


def demand_startable(case: Case, experiment: Experiment) -> None:
    """Raise ExperimentError if the bound names a program that this machine lacks, or names its
    interpreter by a relative path that is not a file of HEAD. Other programs that are named by a
    relative path are not looked up."""
    first = experiment.python[0]
    if is_relative(first) and case.bound.path(first) not in case.repository.head_tree:
        raise messages.not_in_the_tree(first)
    demand_programs(experiment, case.bound.guards)


def demand_no_submodule(case: Case) -> None:
    """Raise ExperimentError if the experiment's folder contains a submodule: a clean worktree would
    lack its files."""
    for path, entry in sorted(case.repository.head_tree.items()):
        if entry.mode == _SUBMODULE and inside(path, case.bound.root):
            raise messages.submodule(path, case.repository.head, case.repository.git.word(path))


def demand_same_head(case: Case, commit: str) -> None:
    """Raise ExperimentError if HEAD is not ``commit``, which is about to be measured, or was
    measured before."""
    if case.repository.head != commit:
        raise messages.head_moved(commit, case.repository.head)


def demand_writable(case: Case) -> None:
    """Raise an OuroError, such as ExperimentError or RecordError, if the journal was edited, or if
    files or disks could not hold the records of a run. Make the folder of the journal if there is
    none.

    The log, the ledger and the journal may be missing, and must be plain files that can be written,
    not links; the ledger needs the columns of a row. ``ROOM`` megabytes must be free in the
    experiment's folder, the journal's and the cache.
    """
    case.evidence.journal.demand_whole()
    journal = case.evidence.journal
    root, folder = case.evidence.root, journal.folder
    with contextlib.suppress(OSError):
        make_folder(journal.common_dir, folder.name)
    top, records = case.repository.git.top, f"{folder.name}/{journal.path.name}"
    ledger = case.bound.path(case.experiment.ledger)
    for path in (root, folder):
        if not os.access(path, os.W_OK):
            raise messages.not_writable(path, os.strerror(errno.EACCES))
    for above, name in (
        (top, case.bound.path(LOG)),
        (top, ledger),
        (journal.common_dir, records),
    ):
        try:
            with contextlib.suppress(FileNotFoundError):
                os.close(open_plain(above, name, os.O_WRONLY | os.O_APPEND))
        except OSError as error:
            if error.errno in SPECIAL and error.errno != errno.ELOOP:
                refuse_other(str(above / name))
            symlink = error.errno == errno.ELOOP
            message = messages.not_a_plain_file if symlink else messages.not_writable
            raise message(above / name, error.strerror or str(error)) from None
    if fault := column_fault(case.evidence.ledger, case.experiment.metric):
        raise fault
    for place in (root, folder, cache_folder()):
        demand_room(place)


def demand_room(folder: Path) -> None:
    """Raise ExperimentError if the disk of ``folder``, which need not exist yet, has less than
    ``ROOM`` megabytes free, or cannot be asked."""
    try:
        while not folder.exists():
            folder = folder.parent
        free = shutil.disk_usage(folder).free >> 20
    except OSError as error:  # such as a name that is too long
        raise messages.unusable_folder(folder, error.strerror or str(error)) from None
    if free < ROOM:
        raise messages.disk_full(folder, free, ROOM)
