"""The verdict as a pure function: every row of its table."""

import pytest

from pytest_ouro.bound.tables import VerdictRule
from pytest_ouro.core.metric import Metric
from pytest_ouro.experiment.verdict import decide as deciding
from pytest_ouro.experiment.verdict.decide import noise_of


def Candidate(value, size, *digests, **named):
    return deciding.Candidate(value, {"python": size}, *digests, **named)


BEST = Candidate(2.0, 100, "best")
#: Two standard errors of the difference of two single runs, beyond which a gain is more than noise.
CLEAR = 2 * 0.01 * 2**0.5
SOFT = VerdictRule(noise=0.01)
HARD = VerdictRule(noise=0.01, margin=3.0)


def decide(*args, direction="lower", **named):
    """Return the verdict as a status and a reason."""
    reason = deciding.decide(*args, metric=Metric("val_bpb", direction), **named)
    return reason.status, reason


def run(value, size=100, code="new"):
    return Candidate(value, size, code)


@pytest.mark.parametrize(
    ("candidate", "best", "status", "reason"),
    [
        pytest.param(run(9.0), None, "keep", "baseline", id="first"),
        pytest.param(run(1.9), BEST, "keep", "improved", id="beyond noise"),
        pytest.param(run(2 - CLEAR - 1e-6), BEST, "keep", "improved", id="just beyond noise"),
        pytest.param(run(2 - CLEAR + 1e-9), BEST, "keep", "marginal", id="as much as noise"),
        pytest.param(run(1.999999), BEST, "keep", "marginal", id="within noise"),
        pytest.param(run(2.0), BEST, "discard", "equal", id="equal"),
        pytest.param(run(2.0, size=101), BEST, "discard", "equal", id="equal with more code"),
        pytest.param(run(2.0, size=99), BEST, "discard", "equal", id="a literal less"),
        pytest.param(run(2.0, size=98), BEST, "keep", "simpler", id="equal with less code"),
        pytest.param(run(1.99, size=98), BEST, "keep", "simpler", id="better with less code"),
        pytest.param(run(2.01, size=98), BEST, "keep", "simpler", id="tie with less code"),
        pytest.param(run(2.010001, size=1), BEST, "discard", "within-noise", id="beyond a tie"),
        pytest.param(run(2.04, size=1), BEST, "discard", "worse", id="worse with less code"),
        pytest.param(run(2.000001), BEST, "discard", "within-noise", id="within noise, worse"),
        pytest.param(run(2 + CLEAR - 1e-9), BEST, "discard", "within-noise", id="noise, worse"),
        pytest.param(run(2 + CLEAR + 1e-6), BEST, "discard", "worse", id="beyond noise, worse"),
        pytest.param(run(1.0, code="best"), BEST, "discard", "unchanged", id="same code, lucky"),
        pytest.param(run(3.0, code="best"), BEST, "discard", "unchanged", id="same code, unlucky"),
        pytest.param(run(1.0, code=""), Candidate(2.0, 100), "keep", "improved", id="no code ids"),
        pytest.param(run(2 - CLEAR - 4e-7), BEST, "keep", "improved", id="no decimals decide"),
    ],
)
def test_against_the_best(candidate, best, status, reason):
    verdict = decide("ok", candidate, best, rule=SOFT, noise=0.01)
    assert verdict == (status, reason)


@pytest.mark.parametrize(
    ("value", "size", "reason"),
    [
        (1.97, 100, "within-noise"),
        (2 - 1.5 * CLEAR + 1e-9, 100, "within-noise"),
        (2 - 1.5 * CLEAR - 1e-6, 100, "improved"),
        (1.99, 98, "simpler"),
        (1.97, 98, "simpler"),  # better than what ties
        (1.97, 99, "within-noise"),
        (2.02, 1, "within-noise"),
        (2.1, 1, "worse"),
    ],
)
def test_a_gain_within_the_margin_is_not_kept(value, size, reason):
    assert decide("ok", run(value, size), BEST, rule=HARD, noise=0.01)[1] == reason


@pytest.mark.parametrize(
    ("margin", "kept"), [(0.0, {"marginal"}), (1.0, {"marginal", "within-noise"})]
)
def test_a_margin_below_noise_parts_what_may_be_luck(margin, kept):
    rule = VerdictRule(noise=0.01, margin=margin)
    values = [2 - 0.01 * 2**0.5 * share for share in (0.01, 0.99, 1.01, 1.99)]
    reasons = [decide("ok", run(value), BEST, rule=rule, noise=0.01)[1] for value in values]
    assert set(reasons) == kept
    assert reasons[2:] == ["marginal", "marginal"]


@pytest.mark.parametrize(
    ("loser", "noise", "clear"),
    [
        (run(2 + 1.5 * CLEAR + 1e-6), 0.01, True),
        (run(2 + 1.5 * CLEAR - 1e-9), 0.01, False),
        (run(1.0), 0.01, False),
        (run(9.0), None, False),
        (run(2.000001), 0.0, True),
        (run(float("nan")), 0.01, False),
        (run(9.0, code="best"), 0.01, False),
        (Candidate(9.0, 100, "new", "seedless"), 0.01, False),
        (Candidate(9.0, 100, "", ""), 0.01, True),
    ],
)
def test_a_clear_loser_is_worse_by_three_standard_errors(loser, noise, clear):
    best = Candidate(2.0, 100, "best", "seedless")
    loses = deciding.is_clear_loser(loser, best, noise=noise, metric=Metric("val_bpb"))
    assert bool(loses) is clear


def test_means_differ_by_less_than_single_runs():
    """Of four runs each, the standard error of the difference is half as large."""
    four, other = Candidate(2.0, 100, "best", runs=4), Candidate(1.985, 100, "new", runs=4)
    assert deciding.standard_error(four, other, 0.01) == pytest.approx(0.01 * 0.5**0.5)
    assert decide("ok", other, four, rule=SOFT, noise=0.01)[1] == "improved"
    assert decide("ok", run(1.985), BEST, rule=SOFT, noise=0.01)[1] == "marginal"
    assert deciding.standard_error(four, other, None) == 0.0


@pytest.mark.parametrize(
    ("value", "reason"), [(2.01, "simpler"), (2.005, "simpler"), (2.010001, "within-noise")]
)
def test_ties_do_not_add_up(value, reason):
    """The last keep is a tie already: the next one must not be further from the peak."""
    last = Candidate(2.005, 100, "last")
    verdict = decide("ok", run(value, 90), last, rule=SOFT, noise=0.01, peak=2.0)
    assert verdict[1] == reason


@pytest.mark.parametrize(
    ("earlier", "reason"),
    [
        (Candidate(2.5, 100, "new"), "unchanged"),
        (Candidate(2.5, 100, "other", "seedless"), "seed-only"),
        (Candidate(2.5, 100, "other", "another"), "improved"),
    ],
)
def test_code_that_lost_is_not_kept_by_luck(earlier, reason):
    lucky = Candidate(1.0, 100, "new", "seedless")
    verdict = decide("ok", lucky, BEST, rule=SOFT, noise=0.01, earlier=[earlier])
    assert verdict[1] == reason


@pytest.mark.parametrize(
    ("read", "value", "blob", "reason"),
    [
        (True, 1.0, "two", "improved"),
        (True, 1.99, "two", "unchanged"),
        (True, 3.0, "two", "unchanged"),
        (True, 1.0, "one", "unchanged"),
        (False, 1.0, "two", "unchanged"),
    ],
)
def test_an_evaluation_may_read_comments(read, value, blob, reason):
    """As one that counts the bytes of a file; the same bytes are unchanged in any case."""
    best = Candidate(2.0, 100, "best", "seedless", files={"a.py": "one"})
    found = Candidate(value, 90, "best", "seedless", files={"a.py": blob})
    assert decide("ok", found, best, rule=SOFT, noise=0.01, read=read)[1] == reason


@pytest.mark.parametrize("value", [1.0, 3.0])
def test_a_change_of_the_seed_alone_is_never_kept(value):
    best = Candidate(2.0, 100, "best", seedless="same")
    lucky = Candidate(value, 99, "new", seedless="same")

    verdict = decide("ok", lucky, best, rule=SOFT, noise=0.01)
    assert verdict == ("discard", "seed-only")


@pytest.mark.parametrize(
    ("value", "size", "reason"),
    [
        (1.9999999999, 100, "improved"),
        (1.999999, 100, "improved"),
        (2.000001, 1, "worse"),
        (2.0, 98, "simpler"),
        (2.0, 100, "equal"),
    ],
)
def test_without_noise_every_difference_counts(value, size, reason):
    assert decide("ok", run(value, size), BEST, rule=HARD, noise=0.0)[1] == reason


@pytest.mark.parametrize("rule", [SOFT, HARD])
@pytest.mark.parametrize(
    ("value", "size", "verdict"),
    [
        (1.0, 100, ("keep", "noise-unknown")),
        (1.999999, 1, ("keep", "noise-unknown")),
        (2.000001, 1, ("discard", "worse")),
        (2.0, 98, ("keep", "simpler")),
        (2.0, 100, ("discard", "equal")),
    ],
)
def test_while_the_noise_is_not_known_nothing_is_called_an_improvement(rule, value, size, verdict):
    assert decide("ok", run(value, size), BEST, rule=rule, noise=None) == verdict


@pytest.mark.parametrize(
    ("value", "status", "reason"),
    [
        (2.1, "keep", "improved"),
        (2.01, "keep", "marginal"),
        (2.0, "discard", "equal"),
        (1.9, "discard", "worse"),
    ],
)
def test_higher_may_be_better(value, status, reason):
    verdict = decide("ok", run(value), BEST, rule=SOFT, noise=0.01, direction="higher")
    assert verdict == (status, reason)


@pytest.mark.parametrize("outcome", ["oom", "nan", "timeout", "breach", "interrupted", "crash"])
@pytest.mark.parametrize("rehearsal", [False, True])
def test_a_run_that_was_not_ok_is_a_crash_whatever_else(outcome, rehearsal):
    verdict = decide(outcome, run(0.1), None, rule=SOFT, noise=0.01, rehearsal=rehearsal)
    assert verdict == ("crash", outcome)


def test_ok_without_a_value_is_a_crash():
    assert decide("ok", None, BEST, rule=SOFT, noise=None) == ("crash", "crash")


@pytest.mark.parametrize("best", [None, BEST])
def test_a_rehearsal_is_never_kept(best):
    verdict = decide("ok", run(0.1), best, rule=SOFT, noise=0.01, rehearsal=True)
    assert verdict == ("discard", "rehearsal")


@pytest.mark.parametrize("best", [None, BEST])
def test_below_the_wanted_level_is_never_kept(best):
    verdict = decide("ok", run(0.1), best, rule=SOFT, noise=0.01, below_level=True)
    assert verdict == ("discard", "level")


@pytest.mark.parametrize(
    ("runs", "noise"),
    [
        ([], None),
        ([("a", 1.0), ("b", 2.0)], None),
        ([("a", 1.0), ("a", 1.0)], 0.0),
        ([("a", 1.0), ("a", 3.0)], 2**0.5),
        ([("a", 1.0), ("a", 3.0), ("b", 100.0)], 2**0.5),
        # variances 2 (one degree of freedom) and 1 (two): pooled (2 + 2) / 3
        ([("a", 1.0), ("a", 3.0), ("b", 1.0), ("b", 2.0), ("b", 3.0)], (4 / 3) ** 0.5),
    ],
)
def test_noise_is_the_pooled_deviation_of_repeats(runs, noise):
    assert noise_of(runs) == (None if noise is None else pytest.approx(noise))
