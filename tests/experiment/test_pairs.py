"""The decisions about paired runs, as pure functions: compared with scipy, and their properties."""

import math
import random
from collections import Counter

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy import stats

from pytest_ouro.core.statistics import pairs
from pytest_ouro.core.statistics.pairs import (
    PairStatistics,
    alpha_of_look,
    confirm,
    confirm_no_worse,
    detectable,
    draw_orders,
    grant,
    interval,
    sign_flip,
)

GAIN = st.floats(-1e6, 1e6).map(lambda value: round(value, 6))
GAINS = st.lists(GAIN, min_size=2, max_size=10)
ALPHA = st.sampled_from([0.05, 0.0304, 0.01, 0.2])


def vary(gains):
    """Leave out lists whose spread is lost in rounding."""
    assume(max(gains) - min(gains) > 1e-3 * max(map(abs, gains)))
    return gains


@given(GAINS, ALPHA)
def test_the_bounds_are_those_of_scipy(gains, alpha):
    vary(gains)

    low, high = interval(gains, alpha)
    theirs = stats.ttest_1samp(gains, 0).confidence_interval(1 - 2 * alpha)

    scale = max(map(abs, gains))
    assert math.isclose(low, theirs.low, rel_tol=1e-9, abs_tol=1e-9 * scale)
    assert math.isclose(high, theirs.high, rel_tol=1e-9, abs_tol=1e-9 * scale)


@given(st.lists(st.integers(-20, 20).map(float), min_size=2, max_size=7))
@example([0.0, 0.0, 0.0])
@example([1.0, 2.0, -3.0])
def test_the_sign_flips_are_those_of_scipy(gains):
    theirs = stats.permutation_test(
        (gains,),
        lambda x, axis: x.sum(axis=axis),
        permutation_type="samples",
        alternative="greater",
        n_resamples=math.inf,
    )

    assert math.isclose(sign_flip(gains), theirs.pvalue, rel_tol=1e-9)


def test_sign_flips_of_few_and_of_many():
    assert sign_flip([1.0]) == 0.5
    assert sign_flip([-1.0]) == 1.0
    assert sign_flip([1.0] * 5) == 1 / 32
    assert sign_flip([5.0, 4.0, 3.0, 2.0, -1.0]) == 2 / 32
    assert sign_flip([1.0] * 20) == 2.0**-20
    assert sign_flip([1.0] * 21) is None
    assert sign_flip([0.1, 0.2, -0.3]) == sign_flip([1.0, 2.0, -3.0])  # not the rounding of 0.1


@given(GAINS)
def test_the_statistics(gains):
    vary(gains)

    found = PairStatistics.of(gains)

    scale = max(map(abs, gains))
    assert found.n == len(gains)
    assert math.isclose(found.mean, stats.tmean(gains), rel_tol=1e-9, abs_tol=1e-9 * scale)
    assert math.isclose(found.sd, stats.tstd(gains), rel_tol=1e-9, abs_tol=1e-9 * scale)
    assert math.isclose(found.se, stats.sem(gains), rel_tol=1e-9, abs_tol=1e-9 * scale)


@pytest.mark.parametrize("gains", [[], [math.nan], [1.0, math.inf]])
@pytest.mark.parametrize("decide", [PairStatistics.of, interval, sign_flip, grant, confirm])
def test_gains_that_are_not_numbers_are_refused(decide, gains):
    if decide is confirm:
        gains = gains * 2
        if not gains:  # nothing is measured yet
            assert confirm(gains) == "undecided"
            return
    with pytest.raises(ValueError, match="must be finite"):
        decide(gains)


def test_one_pair_grants_nothing():
    found = grant([1.0])

    assert (found.granted, found.gain, found.low, found.high) == (False, 1.0, -math.inf, math.inf)


@pytest.mark.parametrize(
    ("gains", "alpha", "granted", "p_flip"),
    [
        pytest.param([1, 2, 3, 4, 5], 0.05, True, 1 / 32, id="all better"),
        pytest.param([2, 2, 2, 2, -0.01], 0.05, False, 2 / 32, id="t alone would grant"),
        pytest.param([2, 2, 2, 2, -0.01], 0.03, True, None, id="too few for the sign flips"),
        pytest.param([1, 1.1], 0.05, True, None, id="two pairs that agree"),
        pytest.param([1, 9], 0.05, False, None, id="two pairs that do not"),
        pytest.param([-1, -2, -3, -4, -5], 0.05, False, 1, id="all worse"),
        pytest.param([0, 0, 0, 0, 0], 0.05, False, 1, id="no difference at all"),
        pytest.param([1, 1, 1, 1, 1], 0.05, True, 1 / 32, id="no noise at all"),
        pytest.param([0.1, 0.1, 0.1, 0.1, 50], 0.05, False, 1 / 32, id="an outlier"),
    ],
)
def test_grants(gains, alpha, granted, p_flip):
    found = grant(gains, alpha)

    assert (found.granted, found.p_flip) == (granted, p_flip)
    assert found.low <= found.gain <= found.high


@given(GAINS, ALPHA)
def test_what_is_granted_has_a_lower_bound_above_zero(gains, alpha):
    found = grant(gains, alpha)

    assert not found.granted or found.low > 0
    assert not found.granted or not grant([-gain for gain in gains], alpha).granted


@given(GAINS, ALPHA, st.randoms())
def test_the_order_of_the_pairs_grants_nothing(gains, alpha, chance):
    vary(gains)
    shuffled = chance.sample(gains, len(gains))

    assert math.isclose(
        *(grant(one, alpha).low for one in (gains, shuffled)), abs_tol=1e-9 * max(map(abs, gains))
    )
    assert sign_flip(gains) == sign_flip(shuffled)


@given(GAINS, ALPHA, st.floats(1, 1e6))
def test_a_larger_gain_of_every_pair_is_granted_too(gains, alpha, more):
    vary(gains)
    more *= 1 + max(map(abs, gains)) * 1e-6  # above the rounding of the bounds

    assert not grant(gains, alpha).granted or grant([one + more for one in gains], alpha).granted


@given(st.lists(GAIN, min_size=7, max_size=10))
def test_a_smaller_alpha_grants_less(gains):
    # With seven pairs the sign flips are tested at both.
    assert grant(gains, 0.05).granted or not grant(gains, 0.01).granted


def test_each_pair_draws_its_order_by_itself():
    bits = iter([1, 0, 0, 1, 1])

    assert draw_orders(5, lambda count: next(bits)) == ["tip", "baseline", "baseline", "tip", "tip"]


def test_looks_without_end_add_up_to_the_total():
    assert sum(alpha_of_look(look) for look in range(1, 10_001)) == pytest.approx(0.05, abs=1e-5)
    assert alpha_of_look(1) == pytest.approx(0.0303964, abs=1e-7)
    assert alpha_of_look(2, 0.1) == pytest.approx(0.1 * 6 / math.pi**2 / 4)


def test_stated_looks_share_the_total():
    assert [alpha_of_look(look, stated=2) for look in (1, 2)] == [0.025, 0.025]
    assert alpha_of_look(1, stated=1) == 0.05


@pytest.mark.parametrize(("look", "stated"), [(0, None), (-1, None), (3, 2)])
def test_a_look_that_was_not_stated_is_refused(look, stated):
    with pytest.raises(ValueError, match=f"look {look} of"):
        alpha_of_look(look, stated=stated)


@pytest.mark.parametrize(
    ("gains", "state"),
    [
        pytest.param([], "undecided", id="nothing yet"),
        pytest.param([9], "undecided", id="one pair"),
        pytest.param([9, 9.01], "confirmed", id="clear at the first look"),
        pytest.param([-1, -2], "refuted", id="worse at the first look"),
        pytest.param([3, -2.9], "refuted", id="futile at the first look"),
        pytest.param([1, 3], "undecided", id="between the looks"),
        pytest.param([1, 3, 2], "undecided", id="three pairs"),
        pytest.param([1, 1.4, 1.1, 1.3], "confirmed", id="at the second look"),
        pytest.param([1, 3, -5, -5], "refuted", id="futile at the second look"),
        pytest.param([1, 3, 1, 3, 1, 3, 1, 3], "confirmed", id="at the last look"),
        pytest.param([1, 3, -1, 3, -1, 3, -1, 3], "refuted", id="not enough at the last look"),
        pytest.param([-1, -2, 90, 90], "refuted", id="later pairs do not revive it"),
        pytest.param([9, 9.01, -9, -9], "confirmed", id="nor refute it"),
    ],
)
def test_confirmations(gains, state):
    assert confirm(gains, 0.05) == state


@pytest.mark.parametrize(
    ("gains", "margin", "state"),
    [
        pytest.param([0], 1, "undecided", id="one pair never decides"),
        pytest.param([0.1, 0.101], 1, "confirmed", id="better"),
        pytest.param([-0.5, -0.501], 1, "refuted", id="surely worse, though within the margin"),
        pytest.param([-0.3, 0.2] * 2, 1, "undecided", id="seems worse, which more pairs may show"),
        pytest.param([-0.3, 0.2] * 4, 1, "confirmed", id="not shown to be worse by all pairs"),
        pytest.param([-0.5] * 2, 0.1, "undecided", id="equal losses of two pairs tell nothing"),
        pytest.param([-2, -2.01], 1, "refuted", id="worse than the margin"),
        pytest.param([-0.5, -0.501], 0.3, "refuted", id="worse than a smaller margin"),
        pytest.param([-9, 9] * 4, 1, "undecided", id="too noisy for either, at the last look"),
        pytest.param([1, -1, 1.1, -0.9], 9, "confirmed", id="at the second look"),
        pytest.param([0] * 4, 1, "undecided", id="equal values are counted"),
        pytest.param([0] * 8, 1, "confirmed", id="equal values"),
        pytest.param([0] * 8, 0, "confirmed", id="equal values without a margin"),
        pytest.param([0] * 7 + [-1], 0, "undecided", id="worse once, without a margin"),
        pytest.param([-2, -2.01, 99], 1, "refuted", id="later gains change nothing"),
    ],
)
def test_smaller_code_is_confirmed_if_it_is_not_worse(gains, margin, state):
    assert confirm_no_worse(gains, margin, 0.05) == state


def test_smaller_code_that_is_as_good_is_rarely_refuted():
    """Of edits without effect hardly one is refuted, and of those that lose more than the margin
    hardly one is confirmed, where a test of a gain would refute nearly all."""
    draw = random.Random(3)
    found = {0.0: Counter(), -1.01: Counter()}
    for true, states in found.items():
        for _ in range(2000):
            gains = [draw.gauss(true, 0.7) for _ in range(8)]
            states[confirm_no_worse(gains, 1.0, 0.05)] += 1
    assert found[0.0]["refuted"] < 0.05 * 2000
    assert found[0.0]["confirmed"] > 0.4 * 2000
    assert found[-1.01]["confirmed"] < 0.05 * 2000
    with pytest.raises(ValueError, match="no margin"):
        confirm_no_worse([0.0, 0.0], -1.0)


@pytest.mark.parametrize("looks", [(), (0, 2), (1, 2), (4, 2), (2, 2)])
def test_looks_must_ascend(looks):
    with pytest.raises(ValueError, match="looks must ascend"):
        confirm([1.0, 2.0], looks=looks)


@given(st.lists(GAIN, min_size=2, max_size=8), ALPHA)
def test_a_state_is_final(gains, alpha):
    states = [confirm(gains[:count], alpha) for count in range(1, len(gains) + 1)]

    first = next((state for state in states if state != "undecided"), "undecided")
    assert set(states[states.index(first) :]) == {first}


@pytest.mark.parametrize(("count", "alpha"), [(3, 0.05), (4, 0.05), (5, 0.0304), (12, 0.05)])
def test_what_is_detectable_by_t_alone(count, alpha):
    found = detectable(1.0, count, alpha)

    power = stats.nct.sf(stats.t.ppf(1 - alpha, count - 1), count - 1, found * math.sqrt(count))
    assert power == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("count", [2, 5, 6])
def test_what_is_detectable_is_granted_that_often(count):
    gain, draw = detectable(2.0, count), random.Random(1).gauss

    granted = sum(grant([draw(gain, 2.0) for _ in range(count)]).granted for _ in range(4000))

    assert granted / 4000 == pytest.approx(0.8, abs=0.03)


def test_what_is_detectable_scales_and_shrinks():
    assert detectable(3.0, 6) == pytest.approx(3 * detectable(1.0, 6))
    assert detectable(0.0, 6) == 0
    assert detectable(1.0, 1) == math.inf
    assert detectable(1.0, 8) < detectable(1.0, 6) < detectable(1.0, 4)
    assert detectable(1.0, 6, power=0.9) > detectable(1.0, 6)
    with pytest.raises(ValueError, match="nothing to detect"):
        detectable(-1.0, 6)


def test_the_least_shift_is_the_one_at_which_the_flips_agree():
    draw = random.Random(2).gauss
    for _ in range(50):
        gains = [draw(0, 1) for _ in range(6)]
        least = pairs._least_shift(gains, 0.05)

        assert sign_flip([gain + least + 1e-9 for gain in gains]) <= 0.05
        assert sign_flip([gain + least - 1e-9 for gain in gains]) > 0.05
