"""``metric``: one plausible metric, measured and not claimed, orders the keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.checks import Check
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding, describe_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.evidence import Evidence


_LOSS = "the loss in evaluation must be the plain cross-entropy of each token"
_RANGE = "find out why; a person who knows better widens 'plausible' in bound.toml and blesses it"


@dataclass(frozen=True, kw_only=True)
class Metric(Check):
    """One finite and plausible metric, measured and not claimed, orders the keeps. The measured
    value of the judged run (the one just measured, or the last one of the checked commit) is within
    `plausible` in `[experiment]`. No run recorded since the last blessing was kept with a value
    that was worse than the best of its time by more than a tie. Where runs are logged by hand, the
    same holds for the values of the ledger."""

    stage = "run"
    judges_claims = True

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield the findings about rows that are judged as claims; one if the present run, if there
        is one, has a measured value that is not plausible; and one for each keep recorded since the
        last blessing whose record states that it was worse than the best of its time by more than
        the tie band."""
        if evidence.claimed:
            from pytest_ouro.checks._claims import metric as claims
            from pytest_ouro.checks._claims.present import judge_present

            yield from judge_present(evidence, "metric", claims.judge)
        run, metric = evidence.run, evidence.layout.metric
        value = run.measured_value if run is not None else None
        if run is not None and value is not None and not metric.is_plausible(value):
            yield Finding(
                f"{metric.name} is {value:.6g}, which cannot be true",
                where=describe_run(run.run, run.commit),
                expected=metric.range,
                actual=f"{value:.6g}",
                help=_LOSS if metric.name.endswith("bpb") else _RANGE,
                facts={"value": value},
            )
        from pytest_ouro.evidence.records.verdicts import tie_band  # imported where it is used

        for kept in evidence.runs:
            if kept.status != "keep" or kept.gain is None:
                continue
            if kept.gain < -max(tie_band(kept), 0.0):
                yield Finding(
                    f"a run was kept although its {kept.metric.name} is worse than the best",
                    where=describe_run(kept.run, kept.commit),
                    expected=f"better than {kept.metric.text(kept.best)}",
                    actual=kept.metric.text(kept.value),
                    help="verdicts are made by the supervisor alone: run the commit again",
                    facts={"gain": kept.gain},
                )
