"""Compare a run with the last keep on its branch, by the mean of its repeats."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_ouro.bound.tables import LEVELS
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.evidence.records.run_record import FinishedRun
from pytest_ouro.evidence.records.states import keep_states, standing_keeps
from pytest_ouro.evidence.records.verdicts import kept_in, last_verdicts
from pytest_ouro.experiment.verdict.decide import (
    Candidate,
    band,
    decide,
    is_clear_loser,
    noise_of,
    standard_error,
)
from pytest_ouro.experiment.verdict.guards import check_guards
from pytest_ouro.experiment.verdict.history import comparable, differences
from pytest_ouro.experiment.verdict.reference import find_shared, weigh_reference
from pytest_ouro.experiment.verdict.repeats import find_repeats, independent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_ouro.bound.guards import Guard
    from pytest_ouro.bound.tables import Experiment, VerdictRule
    from pytest_ouro.evidence.records.reasons import Status
    from pytest_ouro.evidence.records.run_record import MeasuredRun
    from pytest_ouro.evidence.records.statement import Statement
    from pytest_ouro.evidence.records.states import KeepState
    from pytest_ouro.experiment.verdict.reference import Reference
    from pytest_ouro.experiment.verdict.repeats import Repeats

#: The reasons of runs that try no commit, by their purpose.
_ASIDE = {
    "reference": Reason.REFERENCE,
    "pair": Reason.PAIR,
    "placebo": Reason.PLACEBO,
    "calibrate": Reason.CALIBRATE,
}


def compare(
    runs: Sequence[FinishedRun],
    history: Sequence[str],
    measured: MeasuredRun,
    *,
    experiment: Experiment,
    rule: VerdictRule,
    guards: Iterable[Guard] = (),
    statements: Sequence[Statement] = (),
    describe_again: Callable[[FinishedRun], FinishedRun] = lambda run: run,
    measured_by: FinishedRun | None = None,
) -> FinishedRun:
    """Return ``measured`` as a finished record, with its verdict and the values that the verdict
    follows from; its ``row`` is still "". Nothing is written.

    ``runs`` are the finished runs of the journal, oldest first, and ``statements`` its statements:
    a keep that does not stand any more (`KeepState.stands`) does not count. ``history`` has the ids
    of the run's commit and its ancestors, newest first. The run is compared with the reference, the
    last keep in ``history`` among the runs that are `comparable`; a try without a reference that
    succeeds becomes the baseline. The run that completes a series is compared by the mean of the
    series, and its own commit is not taken as the reference; the first run of a series decides too
    if it is a clear loser. ``experiment`` states the level that a keep needs, ``rule`` the noise
    and how large a gain must be. A run that breaks one of the ``guards`` is not kept. Further runs
    of the reference's commit count too (`weigh_reference`), and estimated noise is reduced, by the
    share of its variance that a calibration measured, if the run and its reference drew the same
    random numbers. A placebo itself decides nothing; the verdict that it would have as other code
    is stated in ``would``.

    ``describe_again`` is called with each earlier run whose code is compared with this one's: it
    returns the run with the sizes and digests of its code computed again, since an older version
    may have recorded them in another form. ``measured_by`` is the earlier run that ``measured`` has
    its measurement from, None if it was run itself: then the value, or mean, of that run counts.
    """
    past = [run for run in runs if comparable(run, measured)]
    is_early = _is_early(runs, measured)
    ended = measured.value is not None and not is_early
    series = find_repeats([*runs, measured], measured.series) if ended else None
    value, count = (series.mean, series.independent) if series else (measured.value, 1)
    if measured_by:
        value, count = measured_by.mean_or_value, measured_by.independent_runs
    run = None if value is None else _candidate(measured, value, count)
    rivals = _find_rivals(
        runs,
        past,
        history,
        measured,
        statements=statements,
        noise=_noise(rule, _runs_for_noise(past, measured, series)),
        estimated=rule.noise == "auto",
        describe_again=describe_again,
    )
    reason, would = _decide(
        run, rivals, measured, experiment=experiment, rule=rule, is_early=is_early
    )
    # One side of a pair may be a keep itself: its numbers are not compared with its own.
    others = rivals.kept
    if measured.purpose == "pair":
        others = [one for one in others if one.commit != measured.commit]
    checked = check_guards(guards, measured, others) if measured.value is not None else ()
    broken = [guard for guard in checked if not guard.holds]
    if broken:
        reason = Reason.GUARD if reason.status == "keep" else reason
        would = would and "discard"
    finished = FinishedRun(
        **measured.shared(),
        time=measured.time,
        status=reason.status,
        reason=reason,
        row="",
        message="; ".join(guard.text for guard in broken) if reason is Reason.GUARD else "",
        guards=tuple(guard._asdict() for guard in checked),
        measured_by=(measured_by.measured_by or measured_by.run) if measured_by else None,
        **_means(series, measured_by),
        **rivals.facts,
        noise=rivals.noise,
        se=0.0,
        margin=0.0,
        band=0.0,
        would=would,
        apart="" if rivals.kept else _apart(runs, past, measured),
    )
    incumbent = _incumbent(history, runs, statements, finished)
    return replace(finished, incumbent=incumbent, **_gains(run, rivals, finished, rule))


class _Rivals(NamedTuple):
    """What a run is compared with.

    ``kept`` are the keeps that stand and can be compared with it, newest first: the first is the
    last keep. ``lost`` are the candidates that lost to that. ``reference`` is the last keep by all
    that was measured of it, and ``best`` the same as a candidate; ``peak`` is the best value of
    ``kept``. Without a keep, these three are None. ``noise`` is the standard deviation of a run in
    this comparison, None if it is not known. ``is_kept``: the run's own commit is a keep that
    stands.
    """

    kept: list[FinishedRun]
    lost: list[Candidate]
    reference: Reference | None
    best: Candidate | None
    peak: float | None
    noise: float | None
    is_kept: bool

    @property
    def facts(self) -> dict[str, Any]:
        """The attributes of a record that state the reference, by name; {} without one."""
        if self.best is None or self.reference is None:
            return {}
        last = self.kept[0]
        return {
            "best": self.best.value,
            "best_runs": self.reference.runs,
            "shared_draws": self.reference.draws,
            "best_commit": last.commit,
            "best_code_size": last.code_size,
            "best_code_sizes": last.code_sizes,
            "best_peak_mb": last.peak_mb,
        }


def _find_rivals(
    runs: Sequence[FinishedRun],
    past: Sequence[FinishedRun],
    history: Sequence[str],
    measured: MeasuredRun,
    *,
    statements: Sequence[Statement],
    noise: float | None,
    estimated: bool,
    describe_again: Callable[[FinishedRun], FinishedRun],
) -> _Rivals:
    """Return what ``measured`` is compared with; ``past`` are those of ``runs`` that are comparable
    with it, and the other arguments those of `compare`. ``noise`` is that of a run by itself: if it
    was ``estimated``, what the run shares with its reference is left out of it."""
    states = keep_states(runs, statements)
    fallen = [commit for commit, state in states.items() if not state.stands]
    state = states.get(measured.commit)
    # A kept commit that is measured again, by repeats, is compared with the others.
    again = bool(measured.series) and measured.value is not None and not (state and state.lost)
    own = measured.commit if again else ""
    kept = kept_in([commit for commit in history if commit != own], past, fallen)
    lost = [] if again else _lost(past, kept, states, measured.trust)
    is_kept = bool(kept_in([measured.commit], past, fallen))
    if not kept:
        return _Rivals([], [], None, None, None, noise, is_kept)
    kept = [describe_again(kept[0]), *kept[1:]]
    reference = weigh_reference(kept[0], past, measured)
    if reference.draws in ("all", "start") and noise is not None and estimated:
        noise *= math.sqrt(1 - find_shared(statements, past))
    best = _candidate(kept[0], reference.value, reference.size)
    values = [best.value, *(one.value for one in _candidates(kept[1:]))]
    peak = measured.metric.best(values)
    known = _candidates(map(describe_again, lost))
    return _Rivals(kept, known, reference, best, peak, noise, is_kept)


def _decide(
    run: Candidate | None,
    rivals: _Rivals,
    measured: MeasuredRun,
    *,
    experiment: Experiment,
    rule: VerdictRule,
    is_early: bool,
) -> tuple[Reason, Status | None]:
    """Return the reason of the verdict on ``measured``, which is ``run`` as a candidate (None: it
    has no value), guards aside; and, for a placebo that can be compared, the verdict that it would
    have as other code, otherwise None. ``is_early``: it does not complete its series."""
    below_level = LEVELS.index(measured.level) < LEVELS.index(experiment.level)
    decide_by = partial(
        decide,
        best=rivals.best,
        rule=rule,
        noise=rivals.noise,
        metric=measured.metric,
        peak=rivals.peak,
        below_level=below_level,
    )
    stops = (
        is_early
        and measured.repeat == 1
        and not below_level
        and run is not None
        and rivals.best is not None
        and is_clear_loser(run, rivals.best, noise=rivals.noise, metric=measured.metric)
        and not rivals.is_kept  # a keep is measured as often as asked
    )
    reason = decide_by(
        measured.outcome or "crash",
        run,
        earlier=rivals.lost,
        rehearsal=measured.rehearsal,
        early=is_early and not stops,
        read=bool(experiment.command),
        aside=_ASIDE.get(measured.purpose),
    )
    if measured.purpose != "placebo" or run is None or rivals.best is None:
        return reason, None
    return reason, decide_by("ok", replace(run, code="", seedless="")).status


def _is_early(runs: Iterable[FinishedRun], run: MeasuredRun) -> bool:
    """Return whether a run is one of several repeats and does not complete them: fewer than were
    asked for have a value, with this one. They may end in another order than they started in."""
    if run.series is None:
        return False
    ended = sum(one.series == run.series and one.value is not None for one in runs)
    return ended + 1 < (run.repeats or 1)


def _gains(
    run: Candidate | None, rivals: _Rivals, finished: FinishedRun, rule: VerdictRule
) -> dict[str, Any]:
    """Return the attributes of a record that state how the run compares with its reference, by
    name: the gains (above 0 is better), the standard error, the margin and the band, all in the
    unit of the metric. ``run`` is ``finished``, the record so far, as a candidate (None: it has no
    value). {} if there is no value or reference, if it is a repeat before the last, or if its
    purpose is neither "search" nor "placebo"."""
    best, peak = rivals.best, rivals.peak
    uncompared = finished.reason is Reason.REPEAT or finished.purpose not in ("search", "placebo")
    if run is None or best is None or peak is None or uncompared:
        return {}
    error = standard_error(run, best, rivals.noise)
    return {
        "gain": finished.metric.gain(run.value, best.value),
        "gain_on_peak": finished.metric.gain(run.value, peak),
        "se": error,
        "margin": rule.margin * error,
        "band": band(error),
    }


def _runs_for_noise(
    past: Iterable[FinishedRun], measured: MeasuredRun, series: Repeats | None
) -> list[MeasuredRun]:
    """Return the independent runs from which the noise is estimated: those of ``past`` that
    measured something themselves, and ``measured`` if it ends a ``series`` of repeats and is not a
    rehearsal."""
    own: list[MeasuredRun] = [run for run in past if not run.measured_by]
    return independent([*own, measured] if series and not measured.rehearsal else own)


def _means(series: Repeats | None, measured_by: FinishedRun | None) -> dict[str, Any]:
    """Return the attributes of a record that state the mean of repeats, by name: those of
    ``series``, the repeats that it ends, or else of the run that it was ``measured_by``; {} with
    neither."""
    if series:
        return {
            "mean": series.mean,
            "sd": series.sd,
            "n": len(series.values),
            "counts_as_one": series.counts_as_one,
        }
    names = ("mean", "sd", "n", "counts_as_one") if measured_by else ()
    return {name: getattr(measured_by, name) for name in names}


def _incumbent(
    history: Sequence[str],
    runs: Sequence[FinishedRun],
    statements: Sequence[Statement],
    finished: FinishedRun,
) -> str | None:
    """Return the value of the record's ``incumbent``: the commit to which the branch is moved back
    if ``finished`` is not kept, which is that of the last keep in ``history``; None if nothing is
    kept.

    If ``finished`` is a keep, the last keep before it is returned. If it is not, its own verdict is
    applied first: a commit that was kept, and is discarded or a breach when it is measured again,
    is not a keep any more.
    """
    counted = runs if finished.status == "keep" else [*runs, finished]
    standing = standing_keeps(history, counted, statements)
    return standing[0].commit if standing else None


def _lost(
    past: Sequence[FinishedRun],
    kept: Sequence[FinishedRun],
    states: Mapping[str, KeepState],
    trust: str,
) -> list[FinishedRun]:
    """Return the runs whose code lost to the last keep; [] if nothing is kept. They are the earlier
    keeps, and for each commit the run that decided about it last (`last_verdicts`), if that run was
    compared with the last keep, and was discarded or is a keep that was refuted or a breach since.

    ``past`` are the comparable runs, oldest first, ``kept`` the keeps, newest first, ``states`` the
    states of keeps by commit. A run that broke a guard counts only if it ran under the trust
    ``trust``: under another one the limit may have been another.
    """
    if not kept:
        return []
    best, *superseded = kept
    discarded = [
        run
        for run in last_verdicts(past).values()
        if (run.status == "discard" or (run.commit in states and states[run.commit].lost))
        and run.best_commit == best.commit
        and (run.reason is not Reason.GUARD or run.trust == trust)
    ]
    return [*superseded, *discarded]


def _noise(rule: VerdictRule, runs: Sequence[MeasuredRun]) -> float | None:
    """Return the noise, the standard deviation of a single run; None if it is not known.

    If ``rule.noise`` is a number, return it. If it is "auto", return what `noise_of` computes from
    those of ``runs`` that have a value, grouped by the meaning of their code: from the first run of
    each code with each salt but 0 or, if that gives None, from all of them. Runs of the purpose
    "reference" are left out: together with the keep, which was chosen for its value, they would
    show too much.
    """
    if rule.noise != "auto":
        return rule.noise
    runs = [run for run in runs if run.purpose != "reference"]
    salted = {(run.code_meaning, run.salt): run for run in reversed(runs) if run.salt}.values()
    for group in (salted, runs):
        found = noise_of((run.code_meaning, run.value) for run in group if run.value is not None)
        if found is not None:
            return found
    return None


def _candidates(runs: Iterable[FinishedRun]) -> list[Candidate]:
    """Return the runs that have a value, each as a `Candidate`, in their order."""
    return [
        _candidate(run, run.mean_or_value, run.independent_runs)
        for run in runs
        if run.mean_or_value is not None
    ]


def _candidate(run: MeasuredRun, value: float, count: int) -> Candidate:
    """Return a run as a `Candidate` with the metric ``value``, the mean of ``count`` independent
    runs."""
    sizes = run.code_sizes or {"": run.code_size}
    return Candidate(value, sizes, run.code_meaning, run.code_seedless, count, run.code)


def _apart(runs: Sequence[FinishedRun], past: Sequence[FinishedRun], measured: MeasuredRun) -> str:
    """Return why the run becomes a new baseline: the conditions in which it differs from the last
    run that succeeded and is not a rehearsal, separated by commas.

    "" if some run can be compared (``past`` is not empty), if no run succeeded before, or if
    ``measured`` is a rehearsal.
    """
    others = [run for run in runs if run.outcome == "ok" and not run.rehearsal]
    if past or not others or measured.rehearsal:
        return ""
    return ", ".join(differences(others[-1], measured))
