"""Find out whether a night of experiments is over, by the conditions of ``[night]`` in the
bound."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.bound.night import read_time
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.experiment.verdict.history import comparable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_ouro.bound.night import Night
    from pytest_ouro.evidence.records.run_record import FinishedRun

#: Reasons of runs that tried nothing: their commits are run again.
_NOT_TRIED = (
    *(Reason.REHEARSAL, Reason.REPEAT),
    *(Reason.INTERRUPTED, Reason.LOST, Reason.NOT_STARTED),
)


@dataclass(frozen=True)
class Stop:
    """Why a night is over: ``condition`` is the key of ``[night]`` that was reached, and ``why``
    says in words what it states and what was reached."""

    condition: str
    why: str

    @property
    def text(self) -> str:
        """The whole reason in one clause, as in ``the night is over: 120 of 120 tries were made
        ([night] tries)``."""
        return f"the night is over: {self.why} ([night] {self.condition})"


def keeps_of_night(kept: Sequence[FinishedRun], run: FinishedRun) -> list[FinishedRun]:
    """Return the keeps of the night that ``run`` is part of: those of ``kept``, the keeps on a
    branch, newest first, that can be compared with ``run``, which is one of them. The last one is
    the baseline of the night."""
    return [one for one in kept if comparable(one, run)]


def runs_of_night(
    kept: Sequence[FinishedRun], runs: Sequence[FinishedRun], trust: str
) -> tuple[FinishedRun, ...]:
    """Return the runs of a night in one working tree, oldest first: those of ``runs`` from the
    baseline on (`keeps_of_night`) or, if the baseline ended a series of repeats, from the first of
    these on; if nothing is kept yet, those under the trusted commit ``trust``.

    ``kept`` are the keeps on the branch, newest first, and ``runs`` the finished runs of the
    working tree, oldest first.
    """
    if not kept:
        return tuple(run for run in runs if run.trust == trust)
    first = keeps_of_night(kept, kept[0])[-1]
    series = {run.seq or 0 for run in runs if first.series and run.series == first.series}
    start = min(series, default=first.seq or 0)
    return tuple(run for run in runs if (run.seq or 0) >= start)


class Limit(NamedTuple):
    """A condition of ``[night]``: its key, how much of it is ``done`` and how much is ``left``
    (seconds for ``until``, whose ``done`` is 0, money for ``cost``, else tries), the same in words
    (``text``), and ``why`` the night is over once it is reached: ``left`` is 0 or less."""

    condition: str
    done: float
    left: float
    text: str
    why: str


def find_stop(
    night: Night | None, runs: Sequence[FinishedRun], *, now: datetime.datetime
) -> Stop | None:
    """Return why a night is over; None if it is not, or if no conditions are stated (``night`` is
    None). The other arguments are those of `measure_limits`, and the first condition there that is
    reached counts."""
    limits = measure_limits(night, runs, now=now) if night else []
    return next((Stop(one.condition, one.why) for one in limits if one.left <= 0), None)


def measure_limits(
    night: Night, runs: Sequence[FinishedRun], *, now: datetime.datetime
) -> list[Limit]:
    """Return how much of each condition of ``night`` is reached, in the order ``until``, ``tries``,
    ``cost``, ``plateau``.

    ``runs`` are those of the night, oldest first (`runs_of_night`); ``now`` is the present time,
    and must be aware. A try is a run of the search, also one that crashed, and the last of repeats;
    not a rehearsal, nor a run that was interrupted, lost or not started. One that was answered by
    an earlier run's measurement is a try, and costs nothing. Of a night without a run, ``until`` is
    left out unless it is a date and time.
    """
    found: list[Limit] = []
    if night.until and (end := _end(night.until, runs)):
        left = (end - now).total_seconds()
        found.append(Limit("until", 0, left, f"until {night.until}", f"{night.until} has passed"))
    tried = [run for run in runs if run.purpose == "search" and run.reason not in _NOT_TRIED]
    if night.tries is not None:
        text = f"{len(tried)} of {night.tries} tries"
        left = night.tries - len(tried)
        found.append(Limit("tries", len(tried), left, text, f"{text} were made"))
    if night.cost is not None and night.price is not None:
        spent = night.price * sum_device_seconds(runs) / 3600
        text = f"cost {spent:.2f} of {night.cost:.12g}"
        found.append(Limit("cost", spent, night.cost - spent, text, f"its runs {text}"))
    keeps = [number for number, run in enumerate(tried, start=1) if run.status == "keep"]
    row = len(tried) - (keeps[-1] if keeps else 0)
    if night.plateau is not None:
        tries = "the last try was not" if row == 1 else f"none of the last {row} tries was"
        text = f"{row} of {night.plateau} tries in a row without a keep"
        found.append(Limit("plateau", row, night.plateau - row, text, f"{tries} kept"))
    return found


def sum_device_seconds(runs: Iterable[FinishedRun]) -> float:
    """Return the seconds for which runs had their device; one whose value an earlier run measured
    had none."""
    return sum(run.wall_seconds or 0.0 for run in runs if run.measured_by is None)


def _end(until: str, runs: Sequence[FinishedRun]) -> datetime.datetime | None:
    """Return the moment at which ``until``, a text as `read_time` reads it, is reached; None for a
    time of day if there is no run whose time is known.

    A date and time without an offset is one of the machine's clock. A time of day is its first
    occurrence on that clock after the first of ``runs``. Where the clock is set back, a time occurs
    twice; where it is set forward, a time that it skips is reached as long after the change as it
    lies behind the time of the change.
    """
    stated = read_time(until)
    if isinstance(stated, datetime.datetime):
        return _moment(stated)
    try:
        began = datetime.datetime.fromisoformat(runs[0].time).astimezone()
    except (
        IndexError,
        ValueError,
        OverflowError,
    ):  # no run, or a time that pytest-ouro does not write
        return None
    days = (began.date(), began.date() + datetime.timedelta(days=1))
    moments = [moment for day in days for moment in _occurrences(day, stated)]
    return min(moment for moment in moments if moment > began)


def _occurrences(day: datetime.date, time: datetime.time) -> list[datetime.datetime]:
    """Return the moments, as aware times, at which the machine's clock shows ``time`` on ``day``:
    two if it is set back over that time. If it is set forward over it, return the moment by the
    offset from UTC before the change."""
    both = [datetime.datetime.combine(day, time.replace(fold=fold)) for fold in (0, 1)]
    moments = [_moment(shown) for shown in both]
    return [
        moment for moment in moments if moment.astimezone().replace(tzinfo=None, fold=0) == both[0]
    ] or moments[:1]


def _moment(shown: datetime.datetime) -> datetime.datetime:
    """Return the moment of a date and time, in UTC. One that is not aware is a time of the
    machine's clock. Of a time that occurs twice there, ``fold`` 0 is the first, 1 the second. For a
    time that the clock was set forward over, 0 takes the offset before the change, 1 that after it
    (`datetime.astimezone` does the opposite)."""
    return datetime.datetime.fromtimestamp(shown.timestamp(), datetime.timezone.utc)
