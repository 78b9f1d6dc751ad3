"""Remove what is kept of old runs beside their records: copies of logs, losses by row, and refs of
lost tries."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.evidence.records.anchor import TRIED, tried_number
from pytest_ouro.evidence.records.row_losses import FOLDER
from pytest_ouro.experiment.terms import repo

if TYPE_CHECKING:
    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.records.journal import Journal


class Pruned(NamedTuple):
    """What was removed: the number of ``logs`` and of files of ``losses`` by row, their ``size`` in
    bytes, and the number of ``refs``. ``before`` is the time before which the runs ended, as
    records have it."""

    logs: int
    losses: int
    size: int
    refs: int
    before: str


def prune(git: Git, journal: Journal, days: float) -> Pruned:
    """Remove what is kept of runs, of all working trees, that ended more than ``days`` days ago:
    their copied logs, their losses by row, and the refs to the commits of those that were not kept.
    Return what was removed; its numbers are 0 if nothing was.

    Records, rows of the ledger and the commits of a branch stay. So does the newest of all refs of
    tried commits, since a new journal continues its number. Raise RecordError if the journal is not
    what was recorded, OSError if a file cannot be deleted, GitError if a ref cannot be; what
    was removed until then is not restored.
    """
    journal.demand_whole()
    now = datetime.datetime.now(datetime.timezone.utc)
    before = (now - datetime.timedelta(days=days)).isoformat(timespec="seconds")
    old = {run.run: run for run in journal.runs() if run.time < before}
    size, removed = 0, {"runs": 0, FOLDER: 0}
    for kind in removed:
        for file in (journal.folder / kind).glob("*.*"):
            if file.name.partition(".")[0] in old:
                size += file.lstat().st_size
                file.unlink()
                removed[kind] += 1
    numbers = {ref: tried_number(ref) or 0 for ref in repo.refs(git, TRIED)}
    newest = max(numbers, key=numbers.__getitem__, default="")
    lost = {run.tried for run in old.values() if run.status != "keep"} & numbers.keys() - {newest}
    for ref in sorted(lost):
        repo.delete_ref(git, ref)
    return Pruned(removed["runs"], removed[FOLDER], size, len(lost), before)
