"""``metric`` and ``simplicity``: recorded verdicts follow from the recorded numbers alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_ouro.checks import Check
from pytest_ouro.evidence.verdicts import LITERAL
from pytest_ouro.finding import Finding
from pytest_ouro.schema import option
from pytest_ouro.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.journal import Record
    from pytest_ouro.evidence.observed import Evidence

#: What keeps a run apart from how its metric compares.
_ASIDE = ("rehearsal", "level", "unchanged", "seed-only", "repeat")


@dataclass(frozen=True, kw_only=True)
class Metric(Check):
    """One finite and plausible metric, measured by us, orders the keeps."""

    above: float = option("a value of this or less cannot be true", default=0.0)
    below: float = option("a value of this or more cannot be true", default=20.0)

    stage = "run"

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        run = evidence.run
        if run is not None and run.get("value") is not None:
            value = float(run["value"])
            if not (math.isfinite(value) and self.above < value < self.below):
                yield Finding(
                    f"{run['metric']} is {value:.6g}, which cannot be true",
                    where=_where(run),
                    expected=f"more than {self.above:g}, less than {self.below:g}",
                    actual=f"{value:.6g}",
                    help="the loss in evaluation must be the plain cross-entropy of each token",
                    facts={"value": value},
                )
        for kept in evidence.runs:
            gain = kept.get("gain")
            if kept["status"] != "keep" or gain is None:
                continue
            if gain < -max(_band(kept), 0.0):
                yield Finding(
                    f"a run was kept although its {kept['metric']} is worse than the best",
                    where=_where(kept),
                    expected=f"better than {kept['best']:.6f}",
                    actual=f"{kept['val_bpb']:.6f}",
                    help="verdicts are made by the supervisor alone: run the commit again",
                    facts={"gain": gain},
                )


@dataclass(frozen=True, kw_only=True)
class Simplicity(Check):
    """A tie is decided by the size of the editable code: less code is kept, by more than a literal;
    as much or more without a gain is not."""

    stage = "run"

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        for run in evidence.runs:
            gain, band = run.get("gain"), _band(run)
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
            where=_where(run),
            help="verdicts are made by the supervisor: run the commit again, "
            "pytest --ouro-experiment",
            facts={"gain": run["gain"], "code_size": run["code_size"]},
        )


def _band(run: Record) -> float:
    """How far a tie may lie from the best; in older records, the whole margin."""
    return float(run.get("band", run.get("margin")) or 0.0)


def _where(run: Record) -> str:
    return f"run {run['run']}, commit {run['commit'][:7]}"
