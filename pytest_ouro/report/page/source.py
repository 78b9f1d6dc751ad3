"""Read what a page is about: the recorded runs, and what the rules say about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.records.journal import finished
from pytest_ouro.evidence.records.states import states_by_run
from pytest_ouro.evidence.records.verdicts import kept_in
from pytest_ouro.evidence.repository import Repository
from pytest_ouro.evidence.shared.place import find_place
from pytest_ouro.report.runs.choose import leave_out_hidden, read_rules

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_ouro.bound.read import Bound
    from pytest_ouro.evidence.records.journal import Journal
    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.evidence.records.statement import Statement
    from pytest_ouro.evidence.records.states import KeepState


@dataclass(frozen=True)
class Source:
    """What a page is about.

    ``store`` is the repository that has the tried commits. ``runs`` are the finished runs of all
    working trees, oldest first, without the placebos of a night that goes on. ``began`` is the time
    of the started line of each run, by its id, and ``open`` the number of runs without an end.
    ``states`` are those of keeps, by the id of their run. ``kept`` are the keeps of the branch that
    stand, newest first. ``bound`` has the rules as they are in the working tree; None if they
    cannot be read. ``worktree`` is the name of the present working tree (`RecordPlace.worktree`),
    ``head`` its commit ("" without one). ``fault`` says in what the journal differs from what was
    recorded; "" if it does not.
    """

    git: Git
    store: Git
    journal: Journal
    bound: Bound | None
    runs: tuple[FinishedRun, ...]
    began: Mapping[str, str]
    open: int
    statements: tuple[Statement, ...]
    states: Mapping[str, KeepState]
    kept: tuple[FinishedRun, ...]
    worktree: str
    head: str
    fault: str


def read_source(path: Path) -> Source:
    """Return what a page of the experiment whose bound.toml is at ``path`` is about. Nothing is
    locked and nothing is written. Raise RecordError if the journal cannot be read, GitError if
    there is no repository or git fails; what `find_place` raises."""
    git = Git.discover(path.parent)
    place = find_place(git)
    journal = place.journal
    bound = read_rules(git, path)
    records = journal.records()
    runs = finished(records)
    statements = journal.statements()
    ended = {run.run for run in runs}
    states = states_by_run(runs, statements)
    fallen = {run.commit for run in runs if run.run in states and not states[run.run].stands}
    history = Repository(git).history if git.head else ()
    fault = journal.fault()
    return Source(
        git=git,
        store=place.store,
        journal=journal,
        bound=bound,
        runs=tuple(leave_out_hidden(git, bound, runs)),
        began={record.run: record.time for record in records if record.event == "started"},
        open=len({record.run for record in records} - ended),
        statements=tuple(statements),
        states=states,
        kept=tuple(kept_in(history, runs, fallen)),
        worktree=place.worktree,
        head=git.head,
        fault=f"line {fault.line}: {fault.headline}" if fault else "",
    )
