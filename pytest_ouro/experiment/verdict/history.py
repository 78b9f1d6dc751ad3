"""Relate a run to earlier ones: which can be compared, in what they differ, and notes on them."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.evidence.records.run_record import MeasuredRun
from pytest_ouro.evidence.records.verdicts import saved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.evidence.records.run_record import FinishedRun, StartedRun

#: Reasons of keeps for which no noise is needed.
_KEPT_BLINDLY = (Reason.BASELINE, Reason.NOISE_UNKNOWN)


def comparable(past: MeasuredRun, run: StartedRun) -> bool:
    """Return whether ``past`` can be compared with ``run``: it succeeded, is not a rehearsal, and
    has no `differences` from ``run``."""
    if past.outcome != "ok" or past.rehearsal or _CONDITIONS(past) != _CONDITIONS(run):
        return False  # most runs of a night are compared with each other: this is many times faster
    return not (isinstance(run, MeasuredRun) and run.outcome == "ok") or (
        _measured(past) == _measured(run)
    )


def differences(past: MeasuredRun, run: StartedRun) -> list[str]:
    """Return the conditions in which two runs differ, each as text like ``budget (20 → 300)``, with
    the value of ``past`` first; [] if they agree.

    Compared are the kind and the model of the device, budget, clock, its steps, data, harness and
    metric; and the last blessing with ``--new-baseline`` that was in force, so that a run before
    such a blessing differs from every run after it. If ``run`` was measured with success, its
    level, its numbers of scored rows and of rows in the vault, and the rounding of its score are
    compared too; before its measurement they are not known.
    """
    then, now = _known_before(past), _known_before(run)
    if isinstance(run, MeasuredRun) and run.outcome == "ok":
        then, now = then + _measured(past), now + _measured(run)
    return [
        f"{name} ({_brief(one)} → {_brief(other)})"
        for (name, one), (_, other) in zip(then, now, strict=True)
        if one != other
    ]


#: The attributes whose values `_known_before` returns.
_CONDITIONS = attrgetter(
    *("device", "device_name", "budget", "clock", "steps"),
    *("data", "harness", "metric_name", "baseline"),
)


def _known_before(run: StartedRun) -> list[tuple[str, object]]:
    """Return the name and value of each condition of a run that is known when it starts, to be
    compared with those of another run: the kind ("cpu" or "cuda") and the model of the device,
    which both have the name "device"; budget, clock, its steps, data, harness and metric; and the
    baseline of bound.lock."""
    return [
        ("device", run.device),
        ("device", run.device_name),
        ("budget", run.budget),
        ("clock", run.clock),
        ("steps", run.steps),
        ("data", run.data),
        ("harness", run.harness),
        ("metric", run.metric.name),
        ("baseline of bound.lock", run.baseline),
    ]


def _measured(run: MeasuredRun) -> list[tuple[str, object]]:
    """Return the name and value of each condition of a run that is known only after it, to be
    compared with those of another run: its level of assurance, its numbers of scored rows and of
    rows in the vault (those that the judge scores and the metric leaves out), and how its score is
    rounded."""
    judged = run.judgment or {}
    decimals = judged.get("decimals")
    return [
        ("level", run.level),
        ("rows", run.rows),
        ("vault", judged.get("vault") or 0),
        ("score", "exact" if decimals is None else f"to {decimals} decimals"),
    ]


def _brief(value: object) -> str:
    """Return a value as text: a float in short form, a text ``sha256:…`` by the first seven digits
    of the digest, an empty text as "none", others whole."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text.removeprefix("sha256:")[:7] if text.startswith("sha256:") else text or "none"


def find_same_code(runs: Sequence[FinishedRun], run: StartedRun) -> tuple[FinishedRun | None, bool]:
    """Return a tuple: the last comparable try of the same code (None if there is none), and whether
    its seeds are the same too (False without a run).

    A run has the same code and seeds if the meaning of its code, or its files, are equal; it has
    the same code with other seeds if only the meaning without seeds is equal. A run of the first
    sort is preferred to a later one of the second. ``runs`` are oldest first.
    """
    other_seeds: FinishedRun | None = None
    for one in reversed(runs):
        if one.purpose != "search":
            continue
        if _is_same(one, run, whole=False) and comparable(one, run):
            return one, True
        if other_seeds is None and run.code_seedless and one.code_seedless == run.code_seedless:
            other_seeds = one if comparable(one, run) else None
    return other_seeds, False


def find_measured(
    runs: Sequence[FinishedRun], run: StartedRun, *, whole: bool
) -> FinishedRun | None:
    """Return the last try of the same code and seeds if its measurement counts for ``run`` too;
    otherwise None.

    It counts if it succeeded under the conditions of ``run``, as far as these are known before a
    run. Further, the last try that succeeded under these conditions must have been made under the
    trust of ``run`` and have no `differences` from the returned one: what a blessing changed in the
    measurement is known only after a run. Interrupted runs, runs that were lost or not started, and
    rehearsals are left out.

    ``whole``: the files must be the same, not only the meaning of the code, since the program that
    measures them may read comments and layout. ``runs`` are oldest first.
    """
    tries = [
        one
        for one in runs
        if one.purpose == "search"
        and one.outcome not in ("interrupted", "lost", "not-started")
        and not one.rehearsal
        and not differences(one, run)
    ]
    same = [one for one in tries if _is_same(one, run, whole=whole)]
    last = [one for one in tries if one.outcome == "ok"]
    if not same or same[-1].mean_or_value is None or same[-1].outcome != "ok":
        return None
    if last[-1].trust != run.trust or differences(same[-1], last[-1]):
        return None
    return same[-1]


def _is_same(past: FinishedRun, run: StartedRun, *, whole: bool) -> bool:
    """Return whether two runs have the same code and seeds: equal files or, unless ``whole``, equal
    meanings."""
    meant = bool(run.code_meaning) and past.code_meaning == run.code_meaning
    return (meant and not whole) or (bool(run.code) and past.code == run.code)


def notes(run: FinishedRun, runs: Sequence[FinishedRun]) -> tuple[str, ...]:
    """Return the lines to print about a recorded run, each beginning with "ouro: "; ``runs`` are
    all finished ones, oldest first, with this one.

    Only lines that apply are included: on the printed line that the metric was read from, less
    code, memory, a new baseline, unknown noise, a salt that is not shared, and the tries so far.
    """
    tries = tally([one for one in runs if comparable(one, run)])
    lines = [
        _read(run),
        _less_code(run),
        memory(run),
        _new_baseline(run),
        _noise_unknown(run),
        _unshared(run),
        tries,
    ]
    return tuple(f"ouro: {line}" for line in lines if line)


def _less_code(run: FinishedRun) -> str:
    """Return by how much the code shrank, as ``less code: …``, if the run was kept for less code;
    otherwise "". It names the kind of code that shrank most."""
    if run.reason is not Reason.SIMPLER:
        return ""
    return f"less code: {saved(run)}"


def memory(run: FinishedRun) -> str:
    """Return the peak of memory as text, ``memory 414.4 MB, +1.2 % against best``; without the
    difference if the peak of the reference is not known.

    "" for a crash, or if the peak is not known.
    """
    peak, best = run.peak_mb or 0.0, run.best_peak_mb or 0.0
    if run.status == "crash" or not peak:
        return ""
    change = f", {100 * (peak / best - 1):+.1f} % against best" if best else ""
    return f"memory {peak:.1f} MB{change}"


def _new_baseline(run: FinishedRun) -> str:
    """Return a line that says that the run is a new baseline, and in what earlier runs differ from
    it. "" if it is not one, or if no run succeeded before it."""
    if run.reason is not Reason.BASELINE or not run.apart:
        return ""
    return f"a new baseline: no earlier run can be compared, they differ in {run.apart}"


def _read(run: FinishedRun) -> str:
    """Return ``METRIC was read from: LINE`` with the line from which the metric of a command was
    read.

    "" for a script, or if there is no value or no such line.
    """
    if run.value is None or run.evaluations or not run.read_from:
        return ""
    return f"{run.metric.name} was read from: {run.read_from}"


def _noise_unknown(run: FinishedRun) -> str:
    """Return a line that says how to calibrate, if the run was kept as the baseline or for a gain
    while the noise was not known; otherwise, or for repeats of the baseline, ""."""
    if run.noise is not None or run.reason not in _KEPT_BLINDLY:
        return ""
    if run.series and run.reason is Reason.BASELINE:  # another line says why they tell nothing
        return ""
    return (
        "the noise is not known, so any gain may be luck; to measure it: pytest-ouro calibrate, or "
        "state 'noise' in bound.toml"
    )


def _unshared(run: FinishedRun) -> str:
    """Return a line that says that a run drew other random numbers than its reference, which had
    the same salt; otherwise ""."""
    if run.shared_draws != "other" or run.gain is None:
        return ""
    return (
        "the salt is not shared: the code drew other random numbers than the last keep did with "
        "the same salt, so that it is compared as with another one"
    )


def describe_same_code(run: FinishedRun, *, same_seeds: bool) -> str:
    """Return a line about ``run``, an earlier run of the code that is measured now: its commit,
    value and verdict.

    Unless ``same_seeds``, the line says that the code is the same except for its seeds.
    """
    code = "this code" if same_seeds else "this code, except for its seeds,"
    return (
        f"ouro: {code} was measured before: commit {run.commit[:7]} "
        f"{run.metric.name}={run.metric.text(run.mean_or_value)} {run.status} ({run.reason})"
    )


def tally(runs: Sequence[FinishedRun]) -> str:
    """Return a text on the tries since the last baseline, which counts as the first of them: their
    number, the number of commits that were kept, and the gain of the best keep over the baseline;
    if the noise is known and not 0, also the gain that noise alone would give.

    "" for fewer than two tries, or without a baseline. ``runs`` are comparable, oldest first.
    Crashes, rehearsals, early repeats, runs below the bound's level, runs for another purpose than
    to try a commit, and runs of known code are not tries.
    """
    starts = [i for i, run in enumerate(runs) if run.reason is Reason.BASELINE]
    since = runs[starts[-1] :] if starts else []
    tries = [run for run in since if run.value is not None and run.reason.counts_as_try]
    if len(tries) < 2:
        return ""
    verdicts = {run.commit: run for run in tries}  # the last one on each commit
    kept = [_value(run) for run in verdicts.values() if run.status == "keep"]
    metric, first = since[0].metric, _value(since[0])
    best = metric.best([first, *kept])
    text = (
        f"{len(tries)} tries measured, {len(kept)} kept: {metric.text(first)} to "
        f"{metric.text(best)}, a gain of {metric.text(abs(first - best))}"
    )
    if noise := tries[-1].noise:
        chance = metric.text(noise * expected_maximum(len(tries)))
        text += f"; noise alone would give about {chance}"
    return text


def _value(run: FinishedRun) -> float:
    """Return the mean of the repeats of a run, or its value if it has no repeats; raise
    AssertionError if it has neither."""
    value = run.mean_or_value
    assert value is not None
    return value


def expected_maximum(draws: int) -> float:
    """Return the expected largest of that many independent draws from the standard normal
    distribution.

    It is the integral over x > 0 of the probability that the largest draw lies above x, less the
    probability that it lies below -x; computed numerically, up to x = 9.
    """
    from statistics import NormalDist

    normal, step = NormalDist(), 0.01
    points = (step * (i + 0.5) for i in range(900))
    return step * sum(1 - normal.cdf(x) ** draws - normal.cdf(-x) ** draws for x in points)
