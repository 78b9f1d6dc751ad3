"""``simplicity``: a tie is decided by the size of the code, and by nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.checks import Check
from pytest_ouro.checks.metric import band_of, where
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding
from pytest_ouro.evidence.records.verdicts import LITERAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.evidence import Evidence
    from pytest_ouro.evidence.records.journal import Record

#: Reasons that do not follow from how the metric compares.
_ASIDE = ("rehearsal", "level", "unchanged", "seed-only", "repeat")


@dataclass(frozen=True, kw_only=True)
class Simplicity(Check):
    """A tie is decided by the size of the editable code: less code is kept, by more than a literal;
    as much or more without a gain is not."""

    stage = "run"

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        for run in evidence.runs:
            gain, band = run.get("gain"), band_of(run)
            smaller_than = run.get("best_code_size")
            if gain is None or smaller_than is None or run["reason"] in _ASIDE:
                continue
            less = smaller_than - run["code_size"]
            simpler = less > (LITERAL if "band" in run else 0)
            lost = run["gain_on_peak"] if "band" in run else gain
            ties = abs(gain) <= band and lost >= -band
            if ties and simpler and run["status"] == "discard":
                yield self._finding(run, f"a tie with {less} nodes less code was discarded")
            if gain <= 0 and not (ties and simpler) and run["status"] == "keep":
                yield self._finding(run, "a run was kept without a gain and without less code")

    def _finding(self, run: Record, headline: str) -> Finding:
        return Finding(
            headline,
            where=where(run),
            help="verdicts are made by the supervisor: run the commit again, "
            "pytest --ouro-experiment",
            facts={"gain": run["gain"], "code_size": run["code_size"]},
        )
