"""Repeats of one commit: each a run with a salt of its own; the commit is judged on their mean."""

from __future__ import annotations

import secrets
import statistics
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_ouro.experiment.verdict.conditions import differences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_ouro.core.metric import Metric
    from pytest_ouro.evidence.records.run_record import MeasuredRun
    from pytest_ouro.experiment.terms.job import Job


@dataclass(frozen=True)
class Turn:
    """One run of ``of``; None in an ordinary run. ``salt`` goes into its seeds; 0 leaves them."""

    number: int | None = None
    of: int | None = None
    salt: int = 0
    series: str | None = None


@dataclass(frozen=True)
class Repeats:
    """The measured values of one series."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def sd(self) -> float:
        """The standard deviation of one run; at least two are needed."""
        return statistics.stdev(self.values)

    def line(self, commit: str, metric: Metric) -> str:
        """The stable line that people and agents grep for."""
        return (
            f"ouro: repeat n={len(self.values)} mean={metric.text(self.mean)} "
            f"sd={metric.text(self.sd)} commit={commit[:7]}"
        )


def turns(count: int) -> Iterator[Turn]:
    """The runs to make: an ordinary one, or ``count`` with a salt each, never the same twice."""
    if count == 1:
        yield Turn()
        return
    series, used = uuid.uuid4().hex[:12], {0}
    for number in range(1, count + 1):
        while (salt := secrets.randbelow(2**31)) in used:
            pass
        used.add(salt)
        yield Turn(number, count, salt, series)


def salted(job: Job, salt: int) -> Job:
    """The job with its salt: for the seeds that a script sets, or in a command's environment."""
    if not salt:
        return job
    settings = {**job.settings, "OURO_SALT": str(salt)}
    return replace(job, message={**job.message, "salt": salt}, settings=settings)


def of_series(runs: Iterable[MeasuredRun], series: str | None) -> Repeats | None:
    """The values of a series so far, of runs that can be compared with the last one measured.

    None for an ordinary run, or before the second value.
    """
    if series is None:
        return None
    measured = [(run, run.value) for run in runs if run.series == series and run.value is not None]
    values = [value for run, value in measured if not differences(run, measured[-1][0])]
    return Repeats(tuple(values)) if len(values) > 1 else None
