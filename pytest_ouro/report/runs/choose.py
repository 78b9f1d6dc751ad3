"""Choose runs and statements of the journal by what people ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.records.run_record import StartedRun
from pytest_ouro.messages import command_line as messages
from pytest_ouro.report.runs.times import moment

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Sequence

    from pytest_ouro.evidence.records.statement import Statement

R = TypeVar("R", bound="StartedRun | Statement")


@dataclass(frozen=True)
class Choice:
    """What is to be shown. ``branch`` is the name of a branch, or of a linked working tree, and
    ``metric`` that of a metric; "" stands for all. ``since`` is an aware time, None for all.
    ``kept``: of the runs only those that were kept."""

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
        time = moment(record.time)
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
