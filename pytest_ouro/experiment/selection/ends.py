"""Find the two commits that pairs of runs compare: the ends of a night, or of one edit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.evidence.records.states import standing_keeps
from pytest_ouro.experiment.verdict.night import keeps_of_night
from pytest_ouro.messages import selection as messages

if TYPE_CHECKING:
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.run_record import FinishedRun


def find_ends(case: Case) -> tuple[FinishedRun, FinishedRun]:
    """Return the baseline and the tip of the night of the last keep (`find_night`): its oldest
    keep, and the last one.

    Raise ExperimentError if nothing is kept, or nothing after the baseline; RecordError if the
    journal is not what was recorded.
    """
    tip, *_, baseline = find_night(case)
    return baseline, tip


def find_night(case: Case) -> list[FinishedRun]:
    """Return the keeps of the night of the last keep (`keeps_of_night`), newest first: at least
    two, the tip and the baseline. Raise ExperimentError if nothing is kept, or nothing after the
    baseline; RecordError if the journal is not what was recorded."""
    kept = _read_kept(case)
    if not kept:
        raise messages.nothing_kept()
    night = keeps_of_night(kept, kept[0])
    if len(night) < 2:
        raise messages.nothing_gained(night[0].commit)
    return night


def find_edit(case: Case, revision: str) -> tuple[FinishedRun, FinishedRun, str]:
    """Return the two ends of a kept edit, its reference and itself, and the first commit of the
    night that it is part of.

    Raise ExperimentError if ``revision`` is not a keep of the branch, or is a baseline, which has
    no reference; RecordError if the journal is not what was recorded.
    """
    commit = case.repository.git.commit(revision)
    kept = _read_kept(case)
    edit = next((run for run in kept if commit and run.commit == commit), None)
    if edit is None:
        raise messages.no_such_keep(revision)
    before = next((run for run in kept if run.commit == edit.best_commit), None)
    if before is None:
        raise messages.no_reference(edit.commit)
    return before, edit, keeps_of_night(kept, edit)[-1].commit


def _read_kept(case: Case) -> list[FinishedRun]:
    """Return the keeps of the branch that stand, newest first. Raise RecordError if the journal is
    not what was recorded."""
    journal = case.evidence.journal
    journal.demand_whole()
    return standing_keeps(case.repository.history, journal.runs(), journal.statements())


def gain_between(one: FinishedRun, other: FinishedRun) -> float:
    """Return how much better the kept run ``other`` is than the kept run ``one``, in the metric's
    unit; of a run with repeats, their mean counts."""
    before, after = one.mean_or_value, other.mean_or_value
    assert before is not None
    assert after is not None
    return other.metric.gain(after, before)
