"""Say whether the night of a case is over, and what is to be done then."""

from __future__ import annotations

import datetime
import math
import posixpath
from typing import TYPE_CHECKING

from pytest_ouro.bound.read import NAME
from pytest_ouro.core.escape import quoted
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.records.states import standing_keeps
from pytest_ouro.experiment.verdict.night import (
    find_stop,
    keeps_of_night,
    measure_limits,
    runs_of_night,
)

if TYPE_CHECKING:
    from pytest_ouro.bound.read import Bound
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.run_record import FinishedRun


@dataclass(frozen=True)
class NightEnd:
    """The end of a night. ``why`` says which condition of ``[night]`` was reached; ``todo`` is what
    to do now, in words, and ``commands`` the commands for it, () if nothing was kept that could be
    certified."""

    why: str
    todo: str
    commands: tuple[str, ...]

    @property
    def text(self) -> str:
        """The reason and what to do, in one line."""
        return "; ".join((self.why, ": ".join((self.todo, *self.commands))))


def find_night_end(case: Case, *, now: datetime.datetime | None = None) -> NightEnd | None:
    """Return the end of the night of a case, whose journal is read again; None if the night is not
    over by the conditions of ``[night]`` (`find_stop`), or the bound states none. ``now`` is the
    time at which the conditions are examined, and must be aware (None: the present time).

    A blessing with ``--new-baseline`` begins another night, at its first run. The last keep is to
    be certified; once its certificate is recorded, the night is to be finalized. Raise RecordError
    if the journal cannot be read.
    """
    if case.bound.night is None:
        return None
    statements = case.evidence.journal.statements()
    kept, night = _find_runs(case)
    now = now or datetime.datetime.now(datetime.timezone.utc)
    stop = find_stop(case.bound.night, night, now=now)
    if stop is None:
        return None
    if not kept or len(keeps_of_night(kept, kept[0])) < 2:
        todo = "start no further run; nothing was kept that could be certified"
        return NightEnd(stop.text, todo, ())
    certified = any(
        one.event == "certificate" and one.result != "stated" and one.tip == kept[0].commit
        for one in statements
    )
    if certified:
        command = f"pytest-ouro finalize{option_of(case.bound)}"
        return NightEnd(stop.text, "start no further run, and make the branch", (command,))
    todo, command = "start no further run, and certify the last keep", certify_command(case.bound)
    return NightEnd(stop.text, todo, (command,))


def count_tries_left(case: Case) -> float:
    """Return how many tries ``tries`` of ``[night]`` leaves to the night of a case, whose journal
    is read again; infinity if the bound states none. Raise RecordError if the journal cannot be
    read."""
    night = case.bound.night
    if night is None or night.tries is None:
        return math.inf
    now = datetime.datetime.now(datetime.timezone.utc)
    limits = measure_limits(night, _find_runs(case)[1], now=now)
    return next(limit.left for limit in limits if limit.condition == "tries")


def _find_runs(case: Case) -> tuple[list[FinishedRun], tuple[FinishedRun, ...]]:
    """Return the keeps on the branch since its last baseline, newest first, and the runs of the
    night of the working tree, oldest first, as the journal has them now."""
    journal, worktree = case.evidence.journal, case.evidence.worktree
    every = journal.runs()
    standing = standing_keeps(case.repository.history, every, journal.statements())
    kept = [run for run in standing if run.baseline == case.trust.baseline]
    runs = [run for run in every if run.worktree == worktree]
    return kept, runs_of_night(kept, runs, case.trust.commit)


def certify_command(bound: Bound) -> str:
    """Return the command that certifies a night, as it is given in the repository's top folder."""
    path = posixpath.join(bound.folder, NAME) if bound.folder else ""
    return f"pytest {quoted(path)} --ouro-certify" if path else "pytest --ouro-certify"


def option_of(bound: Bound) -> str:
    """Return the option `` --bound PATH``, with a space before it, that a command of pytest-ouro
    needs in the repository's top folder; "" if the bound lies there."""
    return f" --bound {quoted(posixpath.join(bound.folder, NAME))}" if bound.folder else ""
