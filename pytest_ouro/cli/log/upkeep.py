"""``pytest-ouro log --restore`` and ``--prune``: what changes the records' files."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_ouro.cli.output import say
from pytest_ouro.messages import command_line as messages

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.records.journal import Journal


def restore(journal: Journal, bound: Path) -> None:
    """Replace the journal by git's copy, and add to the ledger the rows of recorded runs that it
    lacks. Print what was changed. RecordError if git holds no copy, or a file cannot be written;
    OuroError if the rules cannot be read."""
    from pytest_ouro.engine import open_case
    from pytest_ouro.experiment.records.record import restore_rows

    found = journal.restore()
    result = f"restored; what was found is kept as {found.name}" if found else "unchanged"
    say(f"ouro: {journal.path} is {result}")
    case = open_case(bound)
    if written := restore_rows(case):
        rows = "a row" if written == 1 else f"{written} rows"
        say(f"ouro: {case.bound.layout.ledger} lacked {rows} of recorded runs: written now")


def remove_old(git: Git, journal: Journal, days: float) -> None:
    """Remove the logs and the losses by row of runs that ended more than ``days`` days ago, and the
    refs of those runs that were not kept; print how many. Records and rows stay. OuroError for a
    number that is negative, infinite or NaN; else as in `prune`."""
    from pytest_ouro.experiment.records.prune import prune

    if not 0 <= days < math.inf:
        raise messages.invalid_days(days)
    gone = prune(git, journal, min(days, 36500))
    files = f"{gone.logs} logs"
    if gone.losses:
        files += f", {gone.losses} files of losses by row"
    say(
        f"ouro: removed {files} ({gone.size / 1e6:.1f} MB) and {gone.refs} refs of runs before "
        f"{gone.before}; their records and rows stay"
    )
