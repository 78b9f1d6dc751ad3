"""What must be true before a run may start: committed code, writable records, data, a free device.

Everything here raises ExperimentError with the remedy; nothing is recorded yet.
"""

from __future__ import annotations

import contextlib
import os
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_ouro.errors import ExperimentError
from pytest_ouro.evidence.paths import matches
from pytest_ouro.experiment.evaluating import demand_trusted
from pytest_ouro.experiment.record import now
from pytest_ouro.experiment.worktree import cache_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ouro.judge import Case
    from pytest_ouro.tables import Experiment


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


def demand_writable(case: Case) -> None:
    """A run whose record could not be written must not start."""
    folder = case.evidence.journal.folder
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    for place in (case.repository.git.top / case.bound.root, folder):
        if not os.access(place, os.W_OK):
            raise ExperimentError(
                f"{place} cannot be written: the run could not be recorded",
                help="mend its permissions and run again",
            )


@contextmanager
def device_held(profile: str, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the device: one run at a time on each. Who waits is told who holds it since when."""
    from filelock import FileLock, Timeout

    folder = cache_folder() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0") if profile == "cuda" else ""
    name = f"cuda-{visible}".replace("/", "_") if visible else profile
    lock, holder = FileLock(folder / f"{name}.lock"), folder / f"{name}.holder"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        who = "another process"
        with contextlib.suppress(OSError):
            who = holder.read_text().strip() or who
        say(f"ouro: waiting for the device {name}, held by {who}")
        lock.acquire()
    try:
        holder.write_text(f"process {os.getpid()} since {now()}\n")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()
