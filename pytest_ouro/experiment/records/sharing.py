"""Records that clones share: join them, keep tried commits there, and name what this clone
lacks."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import GitError
from pytest_ouro.core.escape import quoted
from pytest_ouro.evidence.records import anchor
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.evidence.records.states import standing_keeps
from pytest_ouro.experiment.supervision import processes
from pytest_ouro.experiment.terms import repo
from pytest_ouro.messages import records as messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.evidence.records.statement import Statement
    from pytest_ouro.evidence.shared.place import RecordPlace


def join_case(case: Case) -> Case:
    """Let the clone join the records that it is to share, and return the case with them; the case
    itself if it shares none, or has joined. Raise RecordError if a run of the clone goes on that
    its own records have, and what `find_place` and `join` raise."""
    place = case.evidence.place
    if place.joined:
        return case
    from pytest_ouro.evidence.shared.join import join  # once in the life of a clone

    for run in Journal(place.git.common_dir).unfinished():
        if run.process and processes.identity(run.pid) == run.process:
            raise messages.run_before_joining(run.pid)
    return case.again() if join(place) else case


def copy_commit(case: Case, commit: str) -> None:
    """Copy a commit to the shared records, if there are any and they lack it. Raise RecordError if
    that fails."""
    if case.evidence.place.folder is not None:
        from pytest_ouro.evidence.shared import commits  # most clones share nothing

        commits.copy_commit(case.evidence.place, commit)


def keep_commit(case: Case, ref: str, commit: str) -> None:
    """Let a ref (full name) keep a commit where the records are; in a clone that shares them, let
    it keep the commit in the clone too, unless it exists there or cannot be made. Raise RecordError
    if the commit cannot be copied, GitError if the ref of the records cannot be set."""
    place, git = case.evidence.place, case.repository.git
    if place.folder is not None:
        copy_commit(case, commit)
        with contextlib.suppress(GitError):
            if ref not in anchor.refs(git.common_dir):
                repo.set_ref(git, ref, commit)
    repo.set_ref(place.store, ref, commit)


def count_lacking(place: RecordPlace, runs: Sequence[FinishedRun]) -> int:
    """Return how many of the commits of these runs the clone lacks; 0 if it shares no records."""
    if place.folder is None:
        return 0
    return sum(place.lacks(commit) for commit in {run.commit for run in runs})


def describe_unseen(
    place: RecordPlace, runs: Sequence[FinishedRun], statements: Sequence[Statement]
) -> str:
    """Return a line about the best keep among ``runs``, all comparable, oldest first, if the clone
    lacks its commit: its value, and the command that fetches it. "" if the clone has it, nothing is
    kept, or no records are shared."""
    if place.folder is None:
        return ""
    kept = standing_keeps([run.commit for run in runs if run.status == "keep"], runs, statements)
    values = [run.mean_or_value for run in kept if run.mean_or_value is not None]
    if not values:
        return ""
    peak = kept[0].metric.best(values)
    best = next(run for run in kept if run.mean_or_value == peak)
    if not place.lacks(best.commit):
        return ""
    value = f"{best.metric.name}={best.metric.text(peak)}"
    return (
        f"another clone kept {best.commit[:7]} {value}, which this clone lacks: "
        f"{fetch(place, best.tried)}"
    )


def fetch(place: RecordPlace, ref: str) -> str:
    """Return the command by which the clone gets a commit of the shared records, or all of them:
    ``ref`` is its ref's full name, or a pattern of refs."""
    return f"git fetch {quoted(str(place.top))} {quoted(ref)}"


def fetch_all(place: RecordPlace) -> str:
    """Return the command by which the clone gets all tried commits of the shared records."""
    return fetch(place, f"{anchor.TRIED}*:{anchor.TRIED}*")


def advise_fetch(place: RecordPlace, word: str) -> str:
    """Return the command that gets the commit whose id, or the first four or more digits of it, is
    ``word``, from the shared records; "" if they have no tried commit of that id."""
    if place.folder is None or len(word) < 4:
        return ""
    held = anchor.refs(place.common_dir)
    refs = (ref for ref, commit in held.items() if commit.startswith(word.lower()))
    ref = next(filter(anchor.tried_number, refs), "")
    return fetch(place, ref) if ref else ""
