"""Locks of plans, so that one process at a time states a plan, and one makes its runs."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pytest_ouro.core.lock_file import hold_lock
from pytest_ouro.core.plain_file import make_folder, open_plain
from pytest_ouro.evidence.content import refuse_other
from pytest_ouro.messages import records as record_messages
from pytest_ouro.messages import selection as messages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.engine import Case


@contextmanager
def hold_plans(case: Case) -> Iterator[None]:
    """Wait for the lock under which plans are stated, and hold it during the block, so that two
    processes do not give two looks of a night (certificates, confirmations, …) the same number.
    Raise RecordError if the lock's file cannot be made or locked."""
    journal = case.evidence.journal
    path = journal.folder / "plans.lock"
    with ExitStack() as stack:
        try:
            make_folder(journal.common_dir, journal.folder.name)
            stack.enter_context(hold_lock(path))
        except OSError as error:
            raise _refusal(path, error) from None
        yield


def make_place(case: Case, plan: str) -> None:
    """Make the file `Journal.place` of a plan. While it exists, a line about the plan that a killed
    process wrote only to git's copy of the journal is added to the journal's file. Raise
    RecordError if it cannot be made."""
    place = case.evidence.journal.place(plan)
    try:
        make_folder(place.parent.parent, place.parent.name)
        os.close(open_plain(place.parent, place.name, os.O_WRONLY | os.O_CREAT))
    except OSError as error:
        raise _refusal(place, error) from None


@contextmanager
def hold_plan(case: Case, plan: str) -> Iterator[None]:
    """Hold the lock of the plan with the id ``plan`` during the block, in which its runs are made.

    The lock's file is that of `make_place`; it is removed once the plan has a result. Raise
    ExperimentError if another process makes runs of the plan, or if the plan has a result already;
    RecordError if the file cannot be made or locked.
    """
    place = case.evidence.journal.place(plan)
    make_place(case, plan)
    with ExitStack() as stack:
        try:
            stack.enter_context(hold_lock(place, timeout=0))
        except TimeoutError:
            raise messages.plan_in_progress() from None
        except OSError as error:
            raise _refusal(place, error) from None
        if _has_result(case, plan):
            place.unlink(missing_ok=True)
            raise messages.plan_ended()
        yield
        if _has_result(case, plan):
            place.unlink(missing_ok=True)


def _has_result(case: Case, plan: str) -> bool:
    """Return whether the journal has a statement with the result of a plan."""
    statements = case.evidence.journal.statements()
    return any(one.plan == plan and one.result != "stated" for one in statements)


def _refusal(path: Path, error: OSError) -> OuroError:
    """Return the error that reports a lock file that cannot be made or locked; raise that of
    `refuse_other` if something else is in its place."""
    refuse_other(str(path))
    return record_messages.unwritable_journal(path, error.strerror or str(error))
