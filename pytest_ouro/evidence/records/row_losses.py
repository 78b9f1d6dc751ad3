"""Read the files of losses by row, which lie beside the journal; their digests are in it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

from pytest_ouro.child.losses.file import RowLosses, unpack
from pytest_ouro.core import limits
from pytest_ouro.evidence.content import read_own
from pytest_ouro.messages import records as messages

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_ouro.evidence.records.journal import Journal
    from pytest_ouro.evidence.records.run_record import FinishedRun, MeasuredRun

#: The rows whose losses a file has: those that the score counts, or those of the vault.
Kind = Literal["rows", "vault"]
#: The folder of the files, in that of the journal.
FOLDER = "rows"


def path_of(journal: Journal, run: str, kind: Kind = "rows") -> Path:
    """Return the path of the file of a run's losses on the rows of this kind; it may not exist.
    Raise RecordError if ``run`` does not have the form of a run's id."""
    return journal.folder / FOLDER / f"{journal.place(run).name}.{kind}"


def read_losses(journal: Journal, run: MeasuredRun, kind: Kind = "rows") -> RowLosses | None:
    """Return the losses of a run by row, of those that its score counts or of the vault's; None if
    the judge stored none, or if the file is gone, as after ``log --prune``.

    Raise RecordError if the file is not what the record states, OuroError if it cannot be read.
    """
    content = _content(journal, run, kind)
    if content is None:
        return None
    try:
        return unpack(content)
    except ValueError as error:  # written by another version
        raise messages.unknown_losses(path_of(journal, run.run, kind), str(error)) from None


def demand_unchanged(journal: Journal, runs: Iterable[FinishedRun]) -> None:
    """Raise RecordError for the first file of losses of one of the runs that is there, but is not
    what the run's record states; OuroError if one cannot be read."""
    for run in runs:
        _content(journal, run, "rows")
        _content(journal, run, "vault")


def _content(journal: Journal, run: MeasuredRun, kind: Kind) -> bytes | None:
    """Return the content of the file of a run's losses on the rows of this kind; None if the run
    has none, or the file is gone. Raise as `read_losses` does."""
    digest = run.row_losses if kind == "rows" else run.vault_losses
    if not digest:
        return None
    path = path_of(journal, run.run, kind)
    content = read_own(path, limit=limits.FILE)
    if content is not None and hashlib.sha256(content).hexdigest() != digest:
        raise messages.changed_losses(path)
    return content
