"""Gather the facts of a page from what was recorded; nothing is judged again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_ouro.bound.tables import LEVELS, VerdictRule
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.experiment.verdict.night import sum_device_seconds
from pytest_ouro.report.page.gather import claim as claims
from pytest_ouro.report.page.gather.costs import split_time
from pytest_ouro.report.page.gather.curves import find_bests, find_starts, group, name_curves
from pytest_ouro.report.page.gather.details import describe, pack
from pytest_ouro.report.page.gather.diffs import compare, read_diffs
from pytest_ouro.report.page.gather.losses import compare_losses
from pytest_ouro.report.page.gather.luck import simulate_luck
from pytest_ouro.report.page.gather.sides import list_sides
from pytest_ouro.report.runs.why import explain_verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.evidence.records.statement import Statement
    from pytest_ouro.report.page.facts import Certified, Count, Curve, Facts, First, Mark, RunEntry
    from pytest_ouro.report.page.gather.claim import Night
    from pytest_ouro.report.page.source import Source


def collect(source: Source, *, made: str, raw: bool = False) -> Facts:
    """Return the facts of a page that is made at the time ``made`` (as records have times). Details
    are redacted unless ``raw``; all else is redacted when it is rendered."""
    curves = group(source.runs)
    main = _find_main(source, curves)
    night = claims.find_night(source, curves[main] if main is not None else [])
    places = {run.run: (c, n) for c, curve in enumerate(curves) for n, run in enumerate(curve, 1)}
    runs = [
        _make_entry(source, run, explain_verdict(run, source.runs[: n + 1]), places.get(run.run))
        for n, run in enumerate(source.runs)
    ]
    entries = {entry["run"]: place for place, entry in enumerate(runs)}
    last = {run.commit: run for run in source.runs}
    diffs = read_diffs(source.store, source.runs, last)
    names = name_curves(curves)
    tip, baseline = night.tip, night.baseline
    losses = compare_losses(source, baseline, tip) if tip and baseline and tip != baseline else None
    bound = source.bound
    return {
        "experiment": bound.name if bound else "experiment",
        "branch": source.git.branch,
        "head": source.head,
        "worktree": source.worktree,
        "made": made,
        "level": _find_level(night),
        "device": night.runs[-1].device_name if night.runs else "",
        "began": source.began.get(night.runs[0].run, night.runs[0].time) if night.runs else "",
        "ended": night.runs[-1].time if night.runs else "",
        "fault": source.fault,
        "open": source.open,
        "claim": claims.make_claim(source, night),
        "states": claims.count_keeps(source, night),
        "answers": claims.list_answers(source, night),
        "first": _find_first(source, night, diffs, entries),
        "main": main,
        "curves": [
            _make_curve(source, curve, name, entries, night if c == main else None)
            for c, (curve, name) in enumerate(zip(curves, names, strict=True))
        ],
        "runs": runs,
        "kept": [
            entries[run.run]
            for run in source.runs
            if run.run in source.states and run.purpose == "search"
        ],
        "outcomes": _count_outcomes(source.runs),
        "broken": _count_broken(source.runs),
        "spent": split_time(night.runs, source.began),
        "sides": [
            side
            for c, curve in enumerate(curves)
            for side in list_sides(curve, c, bound.guards if bound else (), source.kept)
        ],
        "losses": losses,
        "details": pack(
            [
                describe(run, entry, diffs.get(run.commit), source.journal, raw=raw)
                for run, entry in zip(source.runs, runs, strict=True)
            ],
            _order_to_drop(source.runs),
        ),
    }


def _find_main(source: Source, curves: Sequence[Sequence[FinishedRun]]) -> int | None:
    """Return the index of the curve that the page is about: that of the branch's last keep if this
    working tree ran it, else that of the tree's last run that is on a curve, else the last one;
    None without a curve."""
    wanted = [*source.kept[:1], *reversed(source.runs)]
    here = [run for run in wanted if (run.worktree or "") == source.worktree]
    for run in here:
        for number, curve in enumerate(curves):
            if any(one.run == run.run for one in curve):
                return number
    return len(curves) - 1 if curves else None


def _make_entry(
    source: Source, run: FinishedRun, why: str, place: tuple[int, int] | None
) -> RunEntry:
    """Return the entry of a run, with its ``why`` in words. ``place`` is the index of its curve and
    its number there."""
    state, value, text = source.states.get(run.run), run.mean_or_value, run.metric.text
    before = run.best_code_size
    return {
        "run": run.run,
        "number": place[1] if place else None,
        "curve": place[0] if place else None,
        "time": run.time,
        "commit": run.commit,
        "description": run.description,
        "mark": _find_mark(source, run),
        "status": run.status,
        "reason": str(run.reason),
        "why": why,
        "state": state.state if state else "",
        "state_why": state.why if state else "",
        "value": value,
        "shown": "" if value is None else text(value),
        "gain": run.gain,
        "gain_shown": "" if run.gain is None else _signed(run, run.gain),
        "error": run.se,
        "error_shown": text(run.se) if run.se else "",
        "code": run.code_size - before if before else None,
        "level": run.level or "",
    }


def _signed(run: FinishedRun, gain: float) -> str:
    """Return a gain as text with its sign, a typographic minus; without one if it is 0."""
    return f"{'+' if gain > 0 else '−' if gain < 0 else ''}{run.metric.text(abs(gain))}"


def _find_mark(source: Source, run: FinishedRun) -> Mark:
    """Return how a run is marked in the plot, by the first that applies: "breach", "crash",
    "baseline" unless that is void, the state of a keep, "placebo", "discard" for a try, or
    "aside"."""
    state = source.states.get(run.run)
    if run.outcome == "breach":
        return "breach"
    if run.status == "crash":
        return "crash"
    if run.reason is Reason.BASELINE and (state is None or state.state != "void"):
        return "baseline"
    if state is not None:
        return state.state
    if run.purpose == "placebo":
        return "placebo"
    return "discard" if run.reason.counts_as_try else "aside"


def _find_level(night: Night) -> str:
    """Return the lowest level of the night's runs, for any purpose, that ended "ok"; "" without
    one."""
    levels = [run.level for run in night.runs if run.level and run.outcome == "ok"]
    return min(levels, key=LEVELS.index, default="")


def _make_curve(
    source: Source,
    curve: Sequence[FinishedRun],
    name: str,
    entries: dict[str, int],
    night: Night | None,
) -> Curve:
    """Return a curve. ``night`` is that of the claim, if the curve is the one that it is about."""
    last = curve[-1]
    bests, starts = find_bests(curve), find_starts(curve)
    metric = last.metric
    noise = next((run.noise for run in reversed(curve) if run.noise), None)
    tries = _count_tries(curve)
    since = curve[starts[-1] if starts else 0 :]
    first = next((run.mean_or_value for run in since if run.status == "keep"), None)
    best = bests[-1] if bests else None
    kept = [run for run in since if run.status == "keep" and run.reason is not Reason.BASELINE]
    luck = _correct(source, curve, bests, tries, noise)
    gained = best is not None and first is not None and metric.gain(best, first)
    return {
        "name": name,
        "metric": last.metric_name,
        "unit": last.unit,
        "direction": last.direction,
        "decimals": last.decimals,
        "device": last.device_name or last.device,
        "branch": last.branch,
        "worktree": last.worktree or "",
        "runs": [entries[run.run] for run in curve],
        "best": bests,
        "corrected": luck[0],
        "low": luck[1],
        "high": luck[2],
        "starts": starts,
        "certified": _find_certified(source, night),
        "kept": len(kept),
        "first": "" if first is None else metric.text(first),
        "last": "" if best is None else metric.text(best),
        "gain": metric.text(gained) if gained else "",
        "seconds": sum_device_seconds(curve),
    }


def _count_tries(curve: Sequence[FinishedRun]) -> list[int]:
    """Return for each run of a curve the number of measured tries since the last baseline."""
    counts, count = [], 0
    for run in curve:
        if run.reason is Reason.BASELINE:
            count = 0
        elif run.reason.counts_as_try and run.value is not None:
            count += 1
        counts.append(count)
    return counts


def _correct(
    source: Source,
    curve: Sequence[FinishedRun],
    bests: Sequence[float | None],
    tries: Sequence[int],
    noise: float | None,
) -> tuple[list[float | None], list[float | None], list[float | None]]:
    """Return three lists: the best kept values without what luck explains, and the lower and upper
    end of the band in which they would be if nothing helped. An item is None before the first keep;
    all are if the noise is 0 or not known, or nothing was tried."""
    nothing: list[float | None] = [None] * len(curve)
    if not noise or max(tries, default=0) < 1:
        return nothing, [*nothing], [*nothing]
    bound, device = source.bound, curve[-1].device
    rule = bound.verdicts.get(device) if bound else None
    shared = [
        one.shared
        for one in source.statements
        if one.event == "calibration" and one.metric_name == curve[-1].metric_name and one.shared
    ]
    rho = shared[-1] if shared else 0.0
    luck = simulate_luck(rule or VerdictRule(), noise, rho, max(tries))
    metric = curve[-1].metric
    sign = -1.0 if metric.direction == "lower" else 1.0
    corrected, low, high = nothing, [*nothing], [*nothing]
    base: float | None = None
    for place, (run, best, count) in enumerate(zip(curve, bests, tries, strict=True)):
        if best is None:
            continue
        if base is None or run.reason is Reason.BASELINE:
            base = best
        gain = metric.gain(best, base)
        corrected[place] = base + sign * luck.correct(count, gain)
        band = luck.band(count)
        ends = sorted(base + sign * end for end in band)
        low[place], high[place] = ends
    return corrected, low, high


def _find_certified(source: Source, night: Night | None) -> Certified | None:
    """Return the values that a granted certificate of the night gives to its tip; None without
    one."""
    if night is None or night.baseline is None:
        return None
    one: Statement | None = claims.find_certificate(source, night)
    base = night.baseline.mean_or_value
    if one is None or one.result != "granted" or one.gain is None or base is None:
        return None
    sign = -1.0 if one.direction == "lower" else 1.0
    return {
        "value": base + sign * one.gain,
        "low": base + sign * (one.gain if one.low is None else one.low),
        "high": None if one.high is None else base + sign * one.high,
    }


def _find_first(
    source: Source, night: Night, diffs: dict[str, str], entries: dict[str, int]
) -> First | None:
    """Return the diff to read first: that of the certified gain, else that of the night's
    provisional keep with the largest gain, if it stands on the branch; None if there is neither.
    The text of the diff is "" if it cannot be read."""
    one = claims.find_certificate(source, night)
    if one is not None and one.result == "granted":
        known = {run.commit: run for run in source.runs}
        found = compare(source.store, {one.tip: one.baseline}, known)
        return {
            "run": None,
            "title": f"{one.baseline[:7]}..{one.tip[:7]}",
            "why": "the certified gain, all edits together",
            "diff": found.get(one.tip, ""),
        }
    ours = {run.run for run in night.runs}
    standing = [
        run
        for run in source.kept
        if run.run in ours
        and run.reason is not Reason.BASELINE
        and (state := source.states.get(run.run))
        and state.state == "provisional"
    ]
    if not standing:
        return None
    best = max(standing, key=lambda run: run.gain or 0.0)
    confirmed = "" if night.is_exact else ", which nothing has confirmed yet"
    return {
        "run": entries[best.run],
        "title": best.commit[:7],
        "why": f"the largest gain of one edit{confirmed}",
        "diff": diffs.get(best.commit, ""),
    }


def _count_outcomes(runs: Sequence[FinishedRun]) -> list[Count]:
    """Return how many runs have each reason, the most frequent first."""
    counts = Counter(run.reason for run in runs)
    return [
        {"name": _name(reason), "count": count, "meaning": reason.meaning.replace("`", "")}
        for reason, count in counts.most_common()
    ]


def _name(reason: Reason) -> str:
    """Return a reason with its verdict, as ``discard: worse``; alone if both are one word."""
    return f"{reason.status}: {reason}" if str(reason) != reason.status else str(reason)


def _count_broken(runs: Sequence[FinishedRun]) -> list[Count]:
    """Return how often each rule and each guard was broken, the most frequent first."""
    counts: Counter[str] = Counter()
    last: dict[str, str] = {}
    for run in runs:
        for rule in run.findings:
            counts[rule] += 1
            last[rule] = run.message or f"in run {run.run}"
        for guard in run.broken_guards:
            name = f"guard {guard.get('id')}"
            counts[name] += 1
            last[name] = str(guard.get("text", ""))
    return [
        {"name": name, "count": count, "meaning": last[name]}
        for name, count in counts.most_common()
    ]


def _order_to_drop(runs: Sequence[FinishedRun]) -> list[int]:
    """Return the places of the runs in the order in which their details may be left out: discards
    first, then other runs, then keeps; each the oldest first."""
    ranks = {"discard": 0, "crash": 1, "keep": 2}
    return sorted(range(len(runs)), key=lambda n: (ranks.get(runs[n].status, 1), n))
