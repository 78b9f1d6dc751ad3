"""``simplicity``: the size of the code alone decides a tie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.checks import Check
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding, describe_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.evidence import Evidence
    from pytest_ouro.evidence.records.run_record import FinishedRun


@dataclass(frozen=True, kw_only=True)
class Simplicity(Check):
    """The size of the editable code decides a tie: a run that ties with the best is kept if its
    code is smaller in one kind (Python, data, text), by more than the size of one literal, and
    larger in none. Any other run without a gain is not kept. Where runs are logged by hand, a row
    that ties with more code and gives no reason is not kept either."""

    stage = "run"
    judges_claims = True

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield the findings about rows that are judged as claims, one for each run recorded since
        the last blessing that was discarded although it tied with less code, and one for each that
        was kept without a gain, unless it tied with less code. Runs whose verdict did not follow
        from a comparison are left out."""
        if evidence.claimed:
            from pytest_ouro.checks._claims import simplicity as claims
            from pytest_ouro.checks._claims.present import judge_present

            yield from judge_present(evidence, "simplicity", claims.judge)
        # Imported where there are runs.
        from pytest_ouro.evidence.records.verdicts import LITERAL, saved, tie_band

        for run in evidence.runs:
            if run.gain is None or run.best_code_size is None or not run.reason.compares:
                continue
            less = saved(run)
            more = 0 if run.band is None else LITERAL  # as the older records
            simpler = less is not None and less.less > more
            lost = run.gain if run.gain_on_peak is None else run.gain_on_peak
            band = tie_band(run)
            ties = abs(run.gain) <= band and lost >= -band
            if ties and simpler and run.status == "discard":
                yield self._finding(run, f"a tie with less code was discarded: {less}")
            if run.gain <= 0 and not (ties and simpler) and run.status == "keep":
                yield self._finding(run, "a run was kept without a gain and without less code")

    def _finding(self, run: FinishedRun, headline: str) -> Finding:
        """Return the finding about a run with this headline."""
        return Finding(
            headline,
            where=describe_run(run.run, run.commit),
            help="verdicts are made by the supervisor: run the commit again, "
            "pytest --ouro-experiment",
            facts={"gain": run.gain or 0.0, "code_size": run.code_size},
        )
