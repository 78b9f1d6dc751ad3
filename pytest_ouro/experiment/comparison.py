"""What a run is compared with: the best kept one, the noise; and why nothing can be compared."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pytest_ouro.experiment import record, repeats
from pytest_ouro.experiment.notes import value_of
from pytest_ouro.experiment.verdict import Candidate, Verdict, decide, gain, margin, noise_of
from pytest_ouro.tables import LEVELS

if TYPE_CHECKING:
    from pytest_ouro.evidence.journal import Record
    from pytest_ouro.judge import Case
    from pytest_ouro.tables import Experiment, VerdictRule

#: Reasons of runs that decide nothing about their commit.
_UNDECIDED = ("repeat", "unchanged", "rehearsal")


def compare(
    case: Case, experiment: Experiment, profile: Literal["cpu", "cuda"], facts: Record
) -> tuple[Verdict, Record]:
    """The verdict, and what it was made from: the best run, the noise, the gain and its margin.

    The last run of a series is judged on the series' mean, against the best of other commits.
    """
    runs = list(case.evidence.journal.runs())
    past = [run for run in runs if record.comparable(run, facts)]
    series = _series(runs, facts)
    rule = case.bound.verdicts[profile]
    noise = _noise(rule, [*past, facts] if series and not facts["rehearsal"] else past)
    run = None if facts["val_bpb"] is None else _candidate({**facts, **series})
    found = _best(case, past, experiment.direction, but=facts["commit"] if series else "")
    best = _candidate(found) if found else None
    verdict = decide(
        facts["outcome"],
        run,
        best,
        rule=rule,
        noise=noise,
        direction=experiment.direction,
        rehearsal=facts["rehearsal"],
        early=repeats.is_early(facts),
        below_level=LEVELS.index(facts["level"]) < LEVELS.index(experiment.level),
    )
    both = run is not None and best is not None and verdict.reason != "repeat"
    return verdict, {
        **series,
        "best": best.value if best else None,
        "best_commit": best.commit if best else None,
        "best_code_size": best.size if best else None,
        "best_peak_mb": found.get("peak_mb") if found else None,
        "noise": noise,
        "gain": gain(run, best, experiment.direction) if both and run and best else None,
        "margin": margin(run, best, rule, noise) if both and run and best else 0.0,
        "apart": "" if found else _apart(runs, past, facts),
    }


def _series(runs: list[Record], facts: Record) -> Record:
    """Mean, deviation and number of a series that ends with this run; nothing for other runs."""
    if facts["val_bpb"] is None or repeats.is_early(facts):
        return {}
    found = repeats.of_series([*runs, facts], facts.get("series", ""))
    if found is None:
        return {}
    return {"mean": found.mean, "sd": found.sd, "n": len(found.values)}


def _noise(rule: VerdictRule, runs: list[Record]) -> float | None:
    """The standard deviation of one run; from salted repeats where there are any."""
    if rule.noise != "auto":
        return rule.noise
    salted = [run for run in runs if run.get("salt")]
    for group in (salted, runs):
        found = noise_of((run.get("code_meaning", ""), run["val_bpb"]) for run in group)
        if found is not None:
            return found
    return None


def _best(case: Case, past: list[Record], direction: str, *, but: str) -> Record | None:
    """The best kept run among the commits that the judged one descends from.

    The last verdict on a commit counts; ``but`` is a commit that is being judged anew.
    """
    history = case.repository.git.call("rev-list", case.repository.head).decode().split()
    ancestors = set(history)
    decided = {
        run["commit"]: run
        for run in past
        if run["reason"] not in _UNDECIDED and run["commit"] in ancestors
    }
    kept = [
        run
        for commit, run in decided.items()
        if run["status"] == "keep" and commit != but and math.isfinite(value_of(run))
    ]
    choose = min if direction == "lower" else max
    return choose(kept, key=value_of, default=None)


def _candidate(run: Record) -> Candidate:
    return Candidate(
        value_of(run),
        run.get("code_size", 0),
        run.get("code_meaning", ""),
        run.get("code_seedless", ""),
        run["commit"],
        int(run.get("n", 1)),
    )


def _apart(runs: list[Record], past: list[Record], facts: Record) -> str:
    """What keeps the runs before this one from being compared with it; "" where there is none."""
    others = [run for run in runs if run.get("outcome") == "ok" and not run.get("rehearsal")]
    if past or not others or facts["rehearsal"]:
        return ""
    return ", ".join(record.differences(others[-1], facts))
