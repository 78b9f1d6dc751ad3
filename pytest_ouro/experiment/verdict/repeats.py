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

    from pytest_ouro.evidence.records.journal import Record
    from pytest_ouro.experiment.terms.job import Job


@dataclass(frozen=True)
class Turn:
    """One run of ``of``. ``salt`` goes into its seeds; 0 leaves them, as in an ordinary run."""

    number: int = 1
    of: int = 1
    salt: int = 0
    series: str = ""

    @property
    def facts(self) -> Record:
        """What the journal keeps of it."""
        if not self.series:
            return {"salt": self.salt}
        return {
            "salt": self.salt,
            "repeat": self.number,
            "repeats": self.of,
            "series": self.series,
        }


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

    def line(self, commit: str) -> str:
        """The stable line that people and agents grep for."""
        return (
            f"ouro: repeat n={len(self.values)} mean={self.mean:.6f} sd={self.sd:.6f} "
            f"commit={commit[:7]}"
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


def is_early(run: Record) -> bool:
    """Whether the run belongs to a series that goes on after it."""
    return int(run.get("repeat", 1)) < int(run.get("repeats", 1))


def of_series(runs: Iterable[Record], series: str) -> Repeats | None:
    """The values of a series so far, of runs that can be compared with the last one measured.

    None for an ordinary run, or before the second value.
    """
    measured = [
        run
        for run in runs
        if series and run.get("series") == series and run.get("val_bpb") is not None
    ]
    values = [float(run["val_bpb"]) for run in measured if not differences(run, measured[-1])]
    return Repeats(tuple(values)) if len(values) > 1 else None
