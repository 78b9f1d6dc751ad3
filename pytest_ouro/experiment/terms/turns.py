"""The turns of an experiment: one run, or several of the same commit with a salt each."""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass, replace

if TYPE_CHECKING:
    from pytest_ouro.experiment.terms.job import Job


@dataclass(frozen=True)
class Turn:
    """Run ``number`` of ``total`` in a series; all three are None for an ordinary run.

    ``salt`` is mixed into the seeds that the script sets; 0 leaves them as they are.
    """

    number: int | None = None
    total: int | None = None
    series: str | None = None
    salt: int = 0

    def apply_salt(self, job: Job) -> Job:
        """Return the job with the salt for its seeds; a command finds it in ``OURO_SALT``."""
        if not self.salt:
            return job
        settings = {**job.settings, "OURO_SALT": str(self.salt)}
        return replace(job, message={**job.message, "salt": self.salt}, settings=settings)


def make_turns(count: int) -> list[Turn]:
    """Return an ordinary turn, or for a ``count`` above 1 a series of that many turns."""
    if count == 1:
        return [Turn()]
    salts: set[int] = set()
    while len(salts) < count:
        salts.add(1 + secrets.randbelow(2**31 - 1))
    series = uuid.uuid4().hex[:12]
    return [Turn(number, count, series, salt) for number, salt in enumerate(salts, start=1)]
