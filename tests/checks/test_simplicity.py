"""``simplicity``: the size of the code alone decides a tie."""

import pytest

RULE = "iron-law::simplicity"
TIE = {"gain": 0.0, "margin": 0.01, "best": 2.0, "best_code_size": 141, "code_size": 100}
pytestmark = pytest.mark.usefixtures("laws")


def test_without_a_run_it_is_skipped(judged):
    assert judged(RULE).reason == "no run recorded yet"


@pytest.mark.parametrize("gain", [0.0, 0.01, -0.01])
def test_a_discarded_tie_with_less_code_is_found(recorded, judged, gain):
    run = recorded("discard", **{**TIE, "gain": gain})
    recorded("keep", 1.0)

    judgement = judged(RULE)

    assert judgement.status == "broken"
    [finding] = judgement.findings
    assert finding.headline == "a tie with less code was discarded: 141 → 100 nodes"
    assert finding.where == f"run {run['run']}, commit {run['commit'][:7]}"
    assert finding.help.startswith("verdicts are made by the supervisor: run the commit again")


@pytest.mark.parametrize(("gain", "size"), [(0.0, 141), (0.0, 200), (-0.005, 150)])
def test_a_keep_without_a_gain_and_without_less_code_is_found(recorded, judged, gain, size):
    recorded("keep", **{**TIE, "gain": gain, "code_size": size})

    [finding] = judged(RULE).findings

    assert finding.headline == "a run was kept without a gain and without less code"
    assert finding.facts == {"gain": gain, "code_size": size}


def test_sizes_of_two_kinds_are_not_compared(recorded, judged):
    kinds = {"best_code_sizes": {"text": 141}, "code_sizes": {"python": 100}}
    recorded("keep", **{**BAND, "gain": 0.0, **kinds})
    recorded("discard", **{**BAND, "gain": 0.0, **kinds})

    [finding] = judged(RULE).findings
    assert finding.headline == "a run was kept without a gain and without less code"


#: What runs record since a tie is narrower than the margin.
BAND = {**TIE, "band": 0.005, "gain_on_peak": 0.0}


@pytest.mark.parametrize(("status", "found"), [("keep", "broken"), ("discard", "holds")])
@pytest.mark.parametrize(
    "facts",
    [
        {"code_size": 140},
        {"gain": -0.006},
        {"gain": -0.003, "gain_on_peak": -0.006},
    ],
    ids=["a literal less", "beyond the band", "ties that add up"],
)
def test_a_tie_that_is_not_simpler_must_not_be_kept(recorded, judged, facts, status, found):
    recorded(status, **{**BAND, **facts})
    assert judged(RULE).status == found


LAWFUL = [
    ("a simpler tie is kept", "keep", {}),
    ("a gain with more code", "keep", {"gain": 0.5, "code_size": 999}),
    ("a marginal gain with more code", "keep", {"gain": 0.005, "code_size": 999}),
    ("a tie with as much code", "discard", {"code_size": 141}),
    ("a tie with more code", "discard", {"code_size": 142}),
    ("worse with less code", "discard", {"gain": -0.02}),
    ("the baseline", "keep", {"gain": None, "best_code_size": None}),
    ("a crash", "crash", {"gain": None}),
    ("a rehearsal", "discard", {"reason": "rehearsal"}),
    ("an unchanged code", "discard", {"reason": "unchanged"}),
    ("a level that is too low", "discard", {"reason": "level"}),
]


@pytest.mark.parametrize(("status", "facts"), [c[1:] for c in LAWFUL], ids=[c[0] for c in LAWFUL])
def test_verdicts_that_follow_from_gain_and_size_hold(recorded, judged, status, facts):
    recorded(status, **{**TIE, **facts})

    assert judged(RULE).status == "holds"


def test_runs_under_another_trust_are_not_judged(recorded, judged):
    recorded("discard", **TIE, trust="0" * 40)
    assert judged(RULE).status == "skipped"

    recorded("discard", **{**TIE, "gain": -1.0})
    assert judged(RULE).status == "holds"
