"""``budget-limit``: the supervisor's clock against the budget of the recorded run."""

from types import SimpleNamespace

import pytest

from pytest_ouro.checks.budget import BudgetLimit
from pytest_ouro.evidence.journal import Journal

RULE = "never-do::exceed-budget"
RUN = {
    "event": "finished",
    "run": "0123456789ab",
    "commit": "a" * 40,
    "device": "cuda",
    "clock": "wall",
    "budget": 300.0,
    "tolerance": 6.0,
    "window_seconds": 300.0,
    "worktree": "",
}


def findings(**facts):
    return list(BudgetLimit().findings(SimpleNamespace(run={**RUN, **facts})))


@pytest.mark.parametrize("window", [1.0, 299.0, 300.0, 306.0])
def test_up_to_the_tolerance_is_within_the_budget(window):
    assert findings(window_seconds=window) == []


def test_more_than_the_tolerance_is_told_with_all_numbers():
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


def test_time_in_the_answers_to_the_judge_is_told_with_its_own_way_out():
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


def test_the_last_recorded_run_is_judged(project, judged):
    journal = Journal(project.path / ".git")
    journal.append({**RUN, "window_seconds": 400.0})
    assert judged(RULE).broken

    journal.append(RUN)
    assert judged(RULE).status == "holds"


def test_a_run_of_another_working_tree_is_not_judged(project, judged):
    Journal(project.path / ".git").append({**RUN, "window_seconds": 400.0, "worktree": "other"})

    assert judged(RULE).status == "skipped"
