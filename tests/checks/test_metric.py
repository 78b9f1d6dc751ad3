"""``metric``: one finite and plausible number orders the keeps."""

import pytest

RULE = "iron-law::val-bpb-only"
pytestmark = pytest.mark.usefixtures("laws")


def test_without_a_run_it_is_skipped(judged):
    assert judged(RULE).reason == "no run recorded yet"


@pytest.mark.parametrize("value", [0.000001, 0.9, 1.722615, 20.0])
def test_a_plausible_value_holds(recorded, judged, value):
    recorded("keep", value)

    assert judged(RULE).status == "holds"


@pytest.mark.parametrize(("value", "words"), [(-37.8, "-37.8"), (0.0, "0"), (4e-7, "4e-07"),
                                             (99.0, "99"), (1e300, "1e+300")])  # fmt: skip
def test_a_value_that_cannot_be_true_is_found(recorded, judged, value, words):
    run = recorded("crash", value)

    judgement = judged(RULE)

    assert judgement.status == "broken"
    [finding] = judgement.findings
    assert finding.headline == f"val_bpb is {words}, which cannot be true"
    assert finding.where == f"run {run['run']}, commit {run['commit'][:7]}"
    assert finding.expected == "from 0 to 20"
    assert finding.help == "the loss in evaluation must be the plain cross-entropy of each token"


def test_only_the_last_run_s_value_is_judged(recorded, judged):
    recorded("crash", -37.8)
    recorded("keep", 1.9)

    assert judged(RULE).status == "holds"


def test_a_run_without_a_value_holds(recorded, judged):
    recorded("crash", None)

    assert judged(RULE).status == "holds"


def test_the_bound_may_state_other_limits(project, recorded, judged, restate):
    restate('metric    = "val_bpb"', 'metric    = "val_bpb"\nplausible = [0.5, 3]')
    recorded("keep", 0.4)

    [finding] = judged(RULE).findings

    assert finding.expected == "from 0.5 to 3"


@pytest.mark.parametrize(("gain", "margin"), [(-0.02, 0.01), (-0.000002, 0.0), (-1.0, None)])
def test_a_keep_that_is_worse_is_found(recorded, judged, gain, margin):
    run = recorded("keep", 2.0 - gain, best=2.0, gain=gain, margin=margin)
    recorded("discard", 2.5)

    [finding] = judged(RULE).findings

    assert finding.headline == "a run was kept although its val_bpb is worse than the best"
    assert finding.where == f"run {run['run']}, commit {run['commit'][:7]}"
    assert finding.expected == "better than 2.000000"
    assert finding.actual == f"{2.0 - gain:.6f}"
    assert finding.help.startswith("verdicts are made by the supervisor alone")


def test_a_keep_beyond_the_band_is_found(recorded, judged):
    recorded("keep", 2.008, best=2.0, gain=-0.008, margin=0.01, band=0.005)
    assert judged(RULE).status == "broken"


@pytest.mark.parametrize(
    ("status", "gain", "margin"),
    [("keep", 0.1, 0.01), ("keep", 0.0, 0.0), ("keep", -0.01, 0.01), ("discard", -0.5, 0.01),
     ("keep", None, 0.0)],
)  # fmt: skip
def test_verdicts_that_follow_from_the_metric_hold(recorded, judged, status, gain, margin):
    recorded(status, 2.0, best=2.0, gain=gain, margin=margin)

    assert judged(RULE).status == "holds"
