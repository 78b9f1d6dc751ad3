"""``budget-limit``: the supervisor's clock against the budget of the recorded run."""

from types import SimpleNamespace

import pytest

from pytest_ouro.checks.budget_limit import BudgetLimit
from pytest_ouro.evidence.records.record_format import from_json

RULE = "never-do::exceed-budget"
RUN = {
    "event": "finished",
    "run": "0123456789ab",
    "commit": "a" * 40,
    "time": "2025-01-01T00:00:00+00:00",
    "status": "keep",
    "reason": "baseline",
    "description": "an idea",
    "row": "aaaaaaa\t0.000000\t0.0\tkeep\tan idea",
    "device": "cuda",
    "clock": "wall",
    "budget": 300.0,
    "tolerance": 6.0,
    "window_seconds": 300.0,
    "worktree": "",
}


def findings(**facts):
    evidence = SimpleNamespace(run=from_json({**RUN, **facts}), claimed=None)
    return list(BudgetLimit().findings(evidence))


@pytest.mark.parametrize("window", [1.0, 299.0, 300.0, 306.0])
def test_up_to_the_tolerance_is_within_the_budget(window):
    assert findings(window_seconds=window) == []


def test_more_than_the_tolerance_is_reported_with_all_numbers():
    [finding] = findings(window_seconds=309.5)

    assert finding.headline == (
        "trained 309.5 seconds, 9.5 more than the budget of 300 (tolerance 6)"
    )
    assert finding.where == "run 0123456789ab, commit aaaaaaa, cuda profile"
    assert finding.help.startswith("stop the training loop at TIME_BUDGET")


def test_a_cpu_profile_is_judged_by_its_own_budget_and_clock():
    [finding] = findings(device="cpu", clock="cpu", budget=20.0, tolerance=0.4, window_seconds=21)

    assert finding.headline == (
        "trained 21.0 CPU seconds, 1.0 more than the budget of 20 (tolerance 0.4)"
    )
    assert finding.where.endswith("cpu profile")


def test_time_in_the_answers_to_the_judge_is_reported_with_its_own_way_out():
    [late] = findings(window_seconds=309.5, charged_seconds=9.0)
    assert late.headline == (
        "trained 309.5 seconds, 9.0 of them while the judge waited, 9.5 more than the budget of "
        "300 (tolerance 6)"
    )
    assert "under torch.no_grad()" in late.help
    [long] = findings(window_seconds=319.5, charged_seconds=9.0)
    assert long.help.startswith("stop the training loop at TIME_BUDGET")


def test_a_record_of_an_older_version_says_nothing_of_the_judge():
    [finding] = findings(window_seconds=309.5)
    assert "while the judge waited" not in finding.headline


def test_a_run_that_never_trained_did_not_exceed_anything():
    assert findings(window_seconds=None) == []


def test_without_a_run_it_is_skipped(judged):
    judgement = judged(RULE)

    assert judgement.status == "skipped"
    assert judgement.reason == "no run recorded yet"


def test_the_last_run_of_head_is_judged(project, recorded, judged):
    recorded(window_seconds=400.0)
    assert judged(RULE).broken

    recorded(window_seconds=20.0)
    assert judged(RULE).status == "holds"

    recorded(window_seconds=400.0)
    assert judged(RULE, subject="index").reason == "about a run, not about the next commit"
    project.commit("another")
    assert judged(RULE).reason == "no run recorded of what is here"


def test_a_run_of_what_was_edited_since_is_not_judged(project, recorded, judged):
    recorded(window_seconds=400.0)
    project.edit("train.py", "MODEL = 2.0", "MODEL = 1.0")
    assert judged(RULE).reason == "no run recorded of what is here"

    project.git("add", "train.py")
    assert judged(RULE).reason == "no run recorded of what is here"


@pytest.mark.parametrize("other", [{"worktree": "other"}, {"trust": "0" * 40}])
def test_a_run_of_another_working_tree_or_trust_is_not_judged(recorded, judged, other):
    recorded(window_seconds=400.0, **other)

    assert judged(RULE).reason == "no run recorded yet"


def pace(**facts):
    usual = {"batches": 100, "before": 0, "tokens": 2048, "usually": 3.0, "longest": 3.2,
             "slow": 0, "slow-seconds": 0.0}  # fmt: skip
    return {"clock_start": "batch", "clock_after": 1.25, "pace": {**usual, **facts}}


def test_the_place_says_when_the_clock_started_and_how_long_the_steps_were():
    [finding] = findings(window_seconds=309.5, **pace())

    assert finding.where.endswith(
        "cuda profile: its clock started with the first batch, 1.2 s after the script; "
        "100 batches, 3.0 s each"
    )


def test_slow_first_steps_that_the_script_does_not_count_name_the_setting():
    facts = pace(slow=10, longest=40.0, **{"slow-seconds": 60.4})

    [finding] = findings(window_seconds=360.0, claims={"training_seconds": "300.1"}, **facts)

    assert "the first 10 took 60.4 s of it" in finding.where
    assert finding.help == (
        "the script does not count its first 10 batches, and our clock does: warm up before the "
        "first batch is served (model(x, y) on random tokens), count every step, or a person sets "
        "warmup-tokens = 20480 and warmup-seconds = 121"
    )
    [counted] = findings(window_seconds=360.0, claims={"training_seconds": "359.9"}, **facts)
    assert "warmup-tokens" not in counted.help


@pytest.mark.parametrize("claims", [{"num_steps": "30"}, {}])
def test_a_step_that_is_longer_than_the_tolerance_is_named(claims):
    longest = 10.3 if not claims else 1.3  # a step is several batches
    [finding] = findings(window_seconds=309.5, claims=claims, **pace(longest=longest))

    assert finding.help.startswith("a step takes 10 s, and the tolerance is 6: end the loop if")
    assert "a person raises 'tolerance' above 10" in finding.help


@pytest.mark.parametrize("limit", ["startup-seconds", "warmup-seconds"])
def test_a_clock_that_a_limit_started_names_the_limit(limit):
    [finding] = findings(window_seconds=309.5, **{**pace(), "clock_start": limit})

    assert f"by {limit}" in finding.where
    assert f"a person raises '{limit}'" in finding.help


@pytest.mark.parametrize("outcome", ["crash", "oom", "nan", "interrupted"])
def test_a_run_that_crashed_has_broken_no_budget_too(outcome):
    """What a crash leaves of a window means nothing: what went wrong is reported once."""
    assert findings(window_seconds=309.5, outcome=outcome) == []
    assert findings(window_seconds=309.5, outcome="timeout") != []
