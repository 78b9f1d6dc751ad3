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
    return list(BudgetLimit().findings(SimpleNamespace(run=from_json({**RUN, **facts}))))


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
