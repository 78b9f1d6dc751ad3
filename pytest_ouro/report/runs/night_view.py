"""What ``pytest-ouro watch`` knows of a night from the records, as far as one working tree is
concerned."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.records.states import states_by_run
from pytest_ouro.experiment.verdict.history import comparable, tally
from pytest_ouro.experiment.verdict.night import (
    Limit,
    measure_limits,
    runs_of_night,
    sum_device_seconds,
)
from pytest_ouro.report.runs.times import parse_time

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from pytest_ouro.bound.night import Night
    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.evidence.records.statement import Statement
    from pytest_ouro.evidence.records.states import KeepState

#: The last runs by which the rate is measured.
_RATED = 20


@dataclass(frozen=True)
class NightView:
    """A night: all finished ``runs`` that may be shown, oldest first, the ``states`` of keeps by
    the id of their run, the runs ``tonight`` in one working tree (`runs_of_night`), the ``best``
    run, which is the last keep that stands (None without one), a ``tally`` of tries and gains ("":
    too few), and ``rate``, the runs in an hour by the last ones (None: too few).

    ``counts`` are the runs of the night by status, ``device_seconds`` those for which they had
    their device, and ``limits`` those of the night at the time ``at``. All is computed once for
    each change of the records, since a frame is drawn each second.
    """

    runs: tuple[FinishedRun, ...]
    states: Mapping[str, KeepState]
    tonight: tuple[FinishedRun, ...]
    best: FinishedRun | None
    tally: str
    rate: float | None
    counts: Mapping[str, int]
    device_seconds: float
    limits: tuple[Limit, ...]
    at: datetime.datetime

    @classmethod
    def of(
        cls,
        every: Sequence[FinishedRun],
        shown: Sequence[FinishedRun],
        statements: Sequence[Statement],
        worktree: str,
        night: Night | None,
        at: datetime.datetime,
    ) -> NightView:
        """Return the view of the night in a working tree at a time, which must be aware. ``every``
        are all finished runs, oldest first, ``shown`` those that may be shown, and ``night`` says
        when it is over (None: never)."""
        states = states_by_run(every, statements)
        here = [run for run in shown if (run.worktree or "") == worktree]
        kept = _find_keeps(here, every, states)
        tonight = runs_of_night(kept, here, here[-1].trust) if here else ()
        measured = [run for run in tonight if run.outcome == "ok" and not run.rehearsal]
        like = kept[0] if kept else measured[-1] if measured else None
        return cls(
            runs=tuple(shown),
            states=states,
            tonight=tonight,
            best=kept[0] if kept else None,
            tally=tally([run for run in measured if like is not None and comparable(run, like)]),
            rate=_measure_rate(tonight),
            counts=Counter(run.status for run in tonight),
            device_seconds=sum_device_seconds(tonight),
            limits=tuple(measure_limits(night, tonight, now=at)) if night else (),
            at=at,
        )

    def estimate(self, limit: Limit, now: datetime.datetime) -> float | None:
        """Return the seconds until a limit of the night is reached at the present rate, 0 or less
        once it is; None if that is not known."""
        if limit.condition == "until":
            return limit.left - (now - self.at).total_seconds()
        if limit.left <= 0:
            return 0.0
        runs: float | None = limit.left
        if limit.condition == "cost":  # spent by the runs until now
            spent = limit.done / len(self.tonight) if self.tonight else 0.0
            runs = limit.left / spent if spent else None
        return 3600 * runs / self.rate if runs is not None and self.rate else None


def _find_keeps(
    here: Sequence[FinishedRun], every: Sequence[FinishedRun], states: Mapping[str, KeepState]
) -> list[FinishedRun]:
    """Return the keeps that the last run of a working tree builds on, newest first, without those
    that do not stand: as records name them, since git is not asked."""
    keeps = {run.commit: run for run in every if run.run in states}
    last = next((run for run in reversed(here) if run.status == "keep" or run.incumbent), None)
    commit = last and (last.commit if last.status == "keep" else last.incumbent)
    found: list[FinishedRun] = []
    seen: set[str] = set()
    while commit and commit not in seen and commit in keeps:
        seen.add(commit)
        run = keeps[commit]
        if states[run.run].stands:
            found.append(run)
        commit = run.best_commit
    return found


def _measure_rate(runs: Sequence[FinishedRun]) -> float | None:
    """Return how many runs end in an hour, by the ends of the last ones; None for fewer than two,
    or if they have one time."""
    ends = [time for run in runs[-_RATED:] if (time := parse_time(run.time))]
    took = (ends[-1] - ends[0]).total_seconds() if ends else 0.0
    return 3600 * (len(ends) - 1) / took if took > 0 else None
