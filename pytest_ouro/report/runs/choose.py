"""Choose runs and statements of the journal: those that may be shown, and what people ask for."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

from pytest_ouro.bound.read import read
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.ledger import ledger
from pytest_ouro.evidence.records.rows import without_hidden
from pytest_ouro.evidence.records.run_record import StartedRun
from pytest_ouro.messages import command_line as messages
from pytest_ouro.report.runs.times import parse_time

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pytest_ouro.bound.read import Bound
    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.evidence.records.statement import Statement

R = TypeVar("R", bound="StartedRun | Statement")


def read_rules(git: Git, path: Path) -> Bound | None:
    """Return the rules in the bound.toml at ``path``, as it is in the working tree; None if they
    cannot be read."""
    with contextlib.suppress(OuroError, OSError):
        return read(path.read_bytes(), git.relative(path))
    return None


def leave_out_hidden(
    git: Git, rules: Bound | None, runs: Sequence[FinishedRun]
) -> Sequence[FinishedRun]:
    """Return the runs without the placebos that must not be shown yet: those without a row in the
    ledger, which they get once their night is over. All placebos are left out if the ledger cannot
    be read, or there are no ``rules``, which name it."""
    if all(run.purpose != "placebo" for run in runs):
        return runs
    if rules is not None:
        with contextlib.suppress(OuroError, OSError):
            path = git.top / rules.layout.ledger
            return without_hidden(runs, ledger.read(path, rules.experiment.metric).rows)
    return [run for run in runs if run.purpose != "placebo"]


@dataclass(frozen=True)
class Choice:
    """Which runs and statements are to be shown. ``branch`` is the name of a branch, or of a linked
    working tree, and ``metric`` that of a metric; "" stands for all. ``since`` is an aware time:
    only records of then or later; None for all. With ``kept``, runs that were not kept are
    left out; statements are not."""

    kept: bool = False
    branch: str = ""
    since: datetime.datetime | None = None
    metric: str = ""

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return self == Choice()

    def of(self, records: Iterable[R]) -> list[R]:
        """Return those of the records that are chosen, in the same order."""
        return [record for record in records if self._has(record)]

    def _has(self, record: StartedRun | Statement) -> bool:
        """Return whether a record is chosen. One whose time cannot be read is not, if ``since`` is
        given."""
        is_keep = getattr(record, "status", "") == "keep"
        if self.kept and isinstance(record, StartedRun) and not is_keep:
            return False
        if self.branch and self.branch not in (record.branch, record.worktree):
            return False
        if self.metric and self.metric != record.metric_name:
            return False
        if self.since is None:
            return True
        time = parse_time(record.time)
        return time is not None and time >= self.since


def demand_known(choice: Choice, records: Sequence[StartedRun | Statement]) -> None:
    """Raise OuroError, which names those that exist, if no record has the branch or the metric of a
    choice."""
    if choice.branch:
        names = {name for one in records for name in (one.branch, one.worktree) if name}
        if choice.branch not in names:
            raise messages.unknown_name("branch", choice.branch, sorted(names))
    if choice.metric:
        names = {one.metric_name for one in records if one.metric_name}
        if choice.metric not in names:
            raise messages.unknown_name("metric", choice.metric, sorted(names))
