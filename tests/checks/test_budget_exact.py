"""``budget-exact``: a run that was evaluated trained for the whole budget, and no longer."""

import pytest

RULE = "iron-law::exact-budget"
WALL = {"device": "cuda", "clock": "wall", "budget": 300.0, "tolerance": 6.0}
pytestmark = pytest.mark.usefixtures("laws")


def test_without_a_run_it_is_skipped(judged):
    assert judged(RULE).reason == "no run recorded yet"


@pytest.mark.parametrize("window", [294.0, 300.0, 306.0])
def test_within_the_tolerance_is_exact(recorded, judged, window):
    recorded(**WALL, window_seconds=window)

    assert judged(RULE).status == "holds"


@pytest.mark.parametrize(
    ("window", "words", "help"),
    [
        (11.0, "11.0 seconds, 289.0 less than", "train until TIME_BUDGET has passed"),
        (293.9, "293.9 seconds, 6.1 less than", "train until TIME_BUDGET has passed"),
        (0.0, "0.0 seconds, 300.0 less than", "train until TIME_BUDGET has passed"),
        (None, "0.0 seconds, 300.0 less than", "train until TIME_BUDGET has passed"),
        (306.1, "306.1 seconds, 6.1 more than", "stop the training loop at TIME_BUDGET"),
    ],
)
def test_more_and_less_are_reported_with_all_numbers(recorded, judged, window, words, help):
    run = recorded(**WALL, window_seconds=window)

    judgement = judged(RULE)

    assert judgement.status == "broken"
    [finding] = judgement.findings
    assert finding.headline == f"trained {words} the budget of 300 (tolerance 6)"
    assert finding.where == f"run {run['run']}, commit {run['commit'][:7]}, cuda profile"
    assert finding.expected == "294 to 306"
    assert finding.help.startswith(help)


def test_a_cpu_profile_counts_its_own_seconds(recorded, judged):
    recorded(window_seconds=11.0)

    [finding] = judged(RULE).findings

    assert finding.headline == (
        "trained 11.0 CPU seconds, 9.0 less than the budget of 20 (tolerance 0.4)"
    )


def test_a_run_that_was_never_evaluated_need_not_have_trained_long(recorded, judged):
    recorded("crash", None, window_seconds=3.0, evaluations=0)

    assert judged(RULE).status == "holds"


def test_the_last_run_counts(recorded, judged):
    recorded(window_seconds=1.0)
    recorded(window_seconds=20.0)

    assert judged(RULE).status == "holds"


@pytest.mark.parametrize("claim", ["20.3", "19.7", "unknown", "nan"])
def test_a_printed_time_that_agrees_or_is_missing_holds(recorded, judged, claim):
    recorded(claims={"training_seconds": claim})

    assert judged(RULE).status == "holds"


@pytest.mark.parametrize("claim", [19.0, 25.0])
def test_a_printed_time_that_was_not_measured_is_found(recorded, judged, claim):
    recorded(claims={"training_seconds": f"{claim}"})

    [finding] = judged(RULE).findings

    assert finding.headline == f"printed training_seconds {claim:.1f}, but 20.0 were measured"
    assert finding.help.startswith("charge every step")
