"""What a run is compared with: the last keep on its branch, the noise, earlier runs of its code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.bound.tables import LEVELS
from pytest_ouro.evidence.records.verdicts import kept_in, last_verdicts, value_of
from pytest_ouro.experiment.verdict import repeats
from pytest_ouro.experiment.verdict.conditions import comparable, differences
from pytest_ouro.experiment.verdict.decide import (
    Candidate,
    Verdict,
    band,
    decide,
    gain,
    margin,
    noise_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.bound.tables import Experiment, VerdictRule
    from pytest_ouro.evidence.records.journal import Record


def compare(
    runs: Sequence[Record],
    history: Sequence[str],
    facts: Record,
    *,
    experiment: Experiment,
    rule: VerdictRule,
) -> tuple[Verdict, Record]:
    """The verdict on the run that ``facts`` describe, and what it was made from.

    ``runs`` are the finished ones of the journal, oldest first; ``history`` the judged commit and
    all that it descends from, newest first. The reference is the last keep in ``history`` that can
    be compared. The last run of a series is judged on the series' mean, against the last keep among
    the other commits.
    """
    past = [run for run in runs if comparable(run, facts)]
    series = _series(runs, facts)
    noise = _noise(rule, [*past, facts] if series and not facts["rehearsal"] else past)
    run = None if facts["val_bpb"] is None else _candidate({**facts, **series})
    anew = facts["commit"] if facts.get("series") and run is not None else ""
    others = [commit for commit in history if commit != anew]
    kept = kept_in(others, past)
    found = kept[0] if kept else None
    best = _candidate(found) if found else None
    choose = min if experiment.direction == "lower" else max
    peak = choose(map(value_of, kept), default=None)
    verdict = decide(
        facts["outcome"],
        run,
        best,
        rule=rule,
        noise=noise,
        direction=experiment.direction,
        peak=peak,
        earlier=[] if anew else [_candidate(r) for r in _lost(past, kept)],
        rehearsal=facts["rehearsal"],
        early=repeats.is_early(facts),
        below_level=LEVELS.index(facts["level"]) < LEVELS.index(experiment.level),
    )
    # A commit that was kept and is discarded now, measured anew, is no longer what is returned to.
    now: Record = {**facts, "status": verdict.status, "reason": verdict.reason, "incumbent": None}
    standing = kept_in(history, runs if verdict.status == "keep" else [*runs, now])
    compared: Record = {
        **series,
        "incumbent": standing[0]["commit"] if standing else None,
        "best": best.value if best else None,
        "best_commit": best.commit if best else None,
        "best_code_size": best.size if best else None,
        "best_peak_mb": found.get("peak_mb") if found else None,
        "noise": noise,
        "gain": None,
        "gain_on_peak": None,
        "margin": 0.0,
        "band": 0.0,
        "apart": "" if found else _apart(runs, past, facts),
    }
    if run is not None and best is not None and peak is not None and verdict.reason != "repeat":
        within = margin(run, best, rule, noise)
        compared["gain"] = gain(run.value, best.value, experiment.direction)
        compared["gain_on_peak"] = gain(run.value, peak, experiment.direction)
        compared |= {"margin": within, "band": band(within)}
    return verdict, compared


def measured_before(runs: Sequence[Record], facts: Record) -> tuple[Record, str] | None:
    """The last run of the same code, or of the same code under other seeds, that can be compared;
    and the fact that both have in common. ``facts`` may be those of a run that is not made yet."""
    past = [run for run in reversed(runs) if comparable(run, facts)]
    for key in ("code_meaning", "code_seedless"):
        for run in past:
            if facts.get(key) and run.get(key) == facts[key]:
                return run, key
    return None


def _lost(past: Sequence[Record], kept: Sequence[Record]) -> list[Record]:
    """The runs whose code lost to the last keep: those that were discarded in comparison with it,
    and the kept ones that it superseded."""
    if not kept:
        return []
    verdicts = last_verdicts(past).values()
    best, *superseded = kept
    return [
        *superseded,
        *(
            run
            for run in verdicts
            if run["status"] == "discard" and run.get("best_commit") == best["commit"]
        ),
    ]


def _series(runs: Sequence[Record], facts: Record) -> Record:
    """Mean, deviation and number of a series that ends with this run; nothing for other runs."""
    if facts["val_bpb"] is None or repeats.is_early(facts):
        return {}
    found = repeats.of_series([*runs, facts], facts.get("series", ""))
    if found is None:
        return {}
    return {"mean": found.mean, "sd": found.sd, "n": len(found.values)}


def _noise(rule: VerdictRule, runs: Sequence[Record]) -> float | None:
    """The standard deviation of one run; from salted repeats where there are any."""
    if rule.noise != "auto":
        return rule.noise
    salted = [run for run in runs if run.get("salt")]
    for group in (salted, runs):
        found = noise_of((run.get("code_meaning", ""), run["val_bpb"]) for run in group)
        if found is not None:
            return found
    return None


def _candidate(run: Record) -> Candidate:
    return Candidate(
        value_of(run),
        run.get("code_size", 0),
        run.get("code_meaning", ""),
        run.get("code_seedless", ""),
        run["commit"],
        int(run.get("n", 1)),
    )


def _apart(runs: Sequence[Record], past: Sequence[Record], facts: Record) -> str:
    """What keeps the runs before this one from being compared with it; "" where there is none."""
    others = [run for run in runs if run.get("outcome") == "ok" and not run.get("rehearsal")]
    if past or not others or facts["rehearsal"]:
        return ""
    return ", ".join(differences(others[-1], facts))
