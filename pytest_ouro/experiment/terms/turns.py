"""The turns of an experiment: one run, or several of the same commit with a salt each."""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass, replace

if TYPE_CHECKING:
    from pytest_ouro.evidence.records.run_record import Purpose
    from pytest_ouro.experiment.terms.job import Job

#: The system's source of random numbers, as `secrets` has it, whose import takes longer.
_SYSTEM = random.SystemRandom()


@dataclass(frozen=True)
class Turn:
    """Run ``number`` (from 1) of ``total`` in the series with the id ``series``.

    All three are None for an ordinary run. ``salt`` is mixed into the seeds that the script sets; 0
    leaves them as they are. ``purpose`` is what the run is for, and ``plan`` the id of the
    certificate, confirmation, ablation, calibration or batch that it is part of, None for none.
    """

    number: int | None = None
    total: int | None = None
    series: str | None = None
    salt: int = 0
    purpose: Purpose = "search"
    plan: str | None = None

    def apply_salt(self, job: Job) -> Job:
        """Return the job with the turn's salt: in its message, by which the launcher changes the
        seeds, and as the environment variable ``OURO_SALT``.

        With the salt 0, the job is returned unchanged.
        """
        if not self.salt:
            return job
        settings = {**job.settings, "OURO_SALT": str(self.salt)}
        return replace(job, message={**job.message, "salt": self.salt}, settings=settings)


def draw_salt() -> int:
    """Return a random salt, from 1 to 2^31 - 1."""
    return _SYSTEM.randint(1, 2**31 - 1)


def make_turns(count: int, salt: int = 0) -> list[Turn]:
    """Return one ordinary turn with ``salt`` if ``count`` is 1, else a series of ``count`` turns
    (at least 2) with different random salts, which are not 0."""
    if count == 1:
        return [Turn(salt=salt)]
    salts: set[int] = set()
    while len(salts) < count:
        salts.add(draw_salt())
    series = uuid.uuid4().hex[:12]
    return [Turn(number, count, series, salt) for number, salt in enumerate(salts, start=1)]
