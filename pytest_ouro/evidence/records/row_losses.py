"""Read the files of losses by row, which lie beside the journal; their digests are in it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pytest_ouro.child.losses.file import RowLosses, unpack
from pytest_ouro.core import limits
from pytest_ouro.evidence.content import read_own
from pytest_ouro.messages import records as messages

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_ouro.evidence.records.journal import Journal
    from pytest_ouro.evidence.records.run_record import FinishedRun, MeasuredRun

#: The folder of the files, in that of the journal.
FOLDER = "rows"


def path_of(journal: Journal, run: str) -> Path:
    """Return the path of the file of a run; it may not exist. Raise RecordError if ``run`` is not
    the id of a run."""
    return journal.folder / FOLDER / f"{journal.place(run).name}.rows"


def read_losses(journal: Journal, run: MeasuredRun) -> RowLosses | None:
    """Return the losses by row of a run; None if the judge stored none, or if the file is gone, as
    after ``log --prune``.

    Raise RecordError if the file is not what the record states, OuroError if it cannot be read.
    """
    content = _content(journal, run)
    if content is None:
        return None
    try:
        return unpack(content)
    except ValueError as error:  # written by another version
        raise messages.unknown_losses(path_of(journal, run.run), str(error)) from None


def demand_unchanged(journal: Journal, runs: Iterable[FinishedRun]) -> None:
    """Raise RecordError for the first of the runs whose file of losses is there, but is not what
    its record states; OuroError if one cannot be read."""
    for run in runs:
        _content(journal, run)


def _content(journal: Journal, run: MeasuredRun) -> bytes | None:
    """Return the content of the file of a run; None if the run has none, or it is gone. Raise as
    `read_losses` does."""
    if not run.row_losses:
        return None
    path = path_of(journal, run.run)
    content = read_own(path, limit=limits.FILE)
    if content is not None and hashlib.sha256(content).hexdigest() != run.row_losses:
        raise messages.changed_losses(path)
    return content
