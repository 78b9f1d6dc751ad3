"""What a run is compared with: the last keep on its branch, the noise, earlier runs of its code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.bound.tables import LEVELS
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.evidence.records.run_record import FinishedRun
from pytest_ouro.evidence.records.verdicts import kept_in, last_verdicts
from pytest_ouro.experiment.verdict import repeats
from pytest_ouro.experiment.verdict.conditions import comparable, differences
from pytest_ouro.experiment.verdict.decide import Candidate, band, decide, margin, noise_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_ouro.bound.tables import Experiment, VerdictRule
    from pytest_ouro.evidence.records.run_record import MeasuredRun, StartedRun
    from pytest_ouro.experiment.verdict.repeats import Repeats


def compare(
    runs: Sequence[FinishedRun],
    history: Sequence[str],
    measured: MeasuredRun,
    *,
    experiment: Experiment,
    rule: VerdictRule,
) -> FinishedRun:
    """The measured run with its verdict, and with what the verdict was made from.

    ``runs`` are the finished ones of the journal, oldest first; ``history`` the judged commit and
    all that it descends from, newest first. The reference is the last keep in ``history`` that can
    be compared. The last run of a series is judged on the series' mean, against the last keep among
    the other commits.
    """
    metric = measured.metric
    past = [run for run in runs if comparable(run, measured)]
    series = _series(runs, measured)
    salted: list[MeasuredRun] = [measured] if series and not measured.rehearsal else []
    noise = _noise(rule, [*past, *salted])
    run = _measured_candidate(measured, series)
    anew = measured.commit if measured.series and run is not None else ""
    kept = kept_in([commit for commit in history if commit != anew], past)
    candidates = _candidates(kept)
    best = candidates[0] if candidates else None
    peak = metric.best(one.value for one in candidates) if candidates else None
    reason = decide(
        measured.outcome or "crash",
        run,
        best,
        rule=rule,
        noise=noise,
        metric=metric,
        peak=peak,
        earlier=[] if anew else _candidates(_lost(past, kept)),
        rehearsal=measured.rehearsal,
        early=measured.is_early,
        below_level=_level(measured.level) < _level(experiment.level),
    )
    finished = FinishedRun(
        **measured.shared(),
        time=measured.time,
        status=reason.status,
        reason=reason,
        row="",
        mean=series.mean if series else None,
        sd=series.sd if series else None,
        n=len(series.values) if series else None,
        best=best.value if best else None,
        best_commit=best.commit if best else None,
        best_code_size=best.size if best else None,
        best_peak_mb=kept[0].peak_mb if kept else None,
        noise=noise,
        margin=0.0,
        band=0.0,
        apart="" if kept else _apart(runs, past, measured),
    )
    finished = replace(finished, incumbent=_incumbent(history, runs, finished))
    if run is None or best is None or peak is None or reason is Reason.REPEAT:
        return finished
    within = margin(run, best, rule, noise)
    return replace(
        finished,
        gain=metric.gain(run.value, best.value),
        gain_on_peak=metric.gain(run.value, peak),
        margin=within,
        band=band(within),
    )


def measured_before(
    runs: Sequence[FinishedRun], run: StartedRun
) -> tuple[FinishedRun | None, bool]:
    """The last comparable run of the same code, else of the same code under other seeds, None
    where there is neither; and whether the seeds are the same. ``run`` need not be made yet."""
    past = [one for one in reversed(runs) if comparable(one, run)]
    for one in past:
        if run.code_meaning and one.code_meaning == run.code_meaning:
            return one, True
    for one in past:
        if run.code_seedless and one.code_seedless == run.code_seedless:
            return one, False
    return None, False


def _level(name: str | None) -> int:
    return LEVELS.index(name)


def _incumbent(
    history: Sequence[str], runs: Sequence[FinishedRun], finished: FinishedRun
) -> str | None:
    """The last keep of the branch after a verdict.

    A commit that was kept and is discarded now, measured anew, is no longer what is returned to.
    """
    standing = kept_in(history, runs if finished.status == "keep" else [*runs, finished])
    return standing[0].commit if standing else None


def _lost(past: Sequence[FinishedRun], kept: Sequence[FinishedRun]) -> list[FinishedRun]:
    """The runs whose code lost to the last keep: those that were discarded in comparison with it,
    and the kept ones that it superseded."""
    if not kept:
        return []
    best, *superseded = kept
    discarded = [
        run
        for run in last_verdicts(past).values()
        if run.status == "discard" and run.best_commit == best.commit
    ]
    return [*superseded, *discarded]


def _series(runs: Sequence[FinishedRun], measured: MeasuredRun) -> Repeats | None:
    """The values of a series that ends with this run; None for other runs."""
    if measured.value is None or measured.is_early:
        return None
    return repeats.of_series([*runs, measured], measured.series)


def _noise(rule: VerdictRule, runs: Sequence[MeasuredRun]) -> float | None:
    """The standard deviation of one run; from salted repeats where there are any."""
    if rule.noise != "auto":
        return rule.noise
    salted = [run for run in runs if run.salt]
    for group in (salted, runs):
        found = noise_of((run.code_meaning, run.value) for run in group if run.value is not None)
        if found is not None:
            return found
    return None


def _measured_candidate(run: MeasuredRun, series: Repeats | None) -> Candidate | None:
    """The run as the verdict sees it, by the mean of the series that it ends; None for a crash."""
    if run.value is None:
        return None
    if series is None:
        return _candidate(run, run.value, 1)
    return _candidate(run, series.mean, len(series.values))


def _candidates(runs: Iterable[FinishedRun]) -> list[Candidate]:
    return [
        _candidate(run, run.mean_or_value, run.n or 1)
        for run in runs
        if run.mean_or_value is not None
    ]


def _candidate(run: MeasuredRun, value: float, count: int) -> Candidate:
    return Candidate(value, run.code_size, run.code_meaning, run.code_seedless, run.commit, count)


def _apart(runs: Sequence[FinishedRun], past: Sequence[FinishedRun], measured: MeasuredRun) -> str:
    """What keeps the runs before this one from being compared with it; "" where there is none."""
    others = [run for run in runs if run.outcome == "ok" and not run.rehearsal]
    if past or not others or measured.rehearsal:
        return ""
    return ", ".join(differences(others[-1], measured))
