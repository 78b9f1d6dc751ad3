"""Nights that are simulated by the functions that decide in a real one."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_ouro.bound.tables import VerdictRule
from pytest_ouro.core.statistics.pairs import Grant
from pytest_ouro.experiment.verdict import simulate as simulation
from pytest_ouro.experiment.verdict.simulate import Night, Settings, simulate_nights
from pytest_ouro.experiment.verdict.summarise import (
    Estimate,
    estimate_mean,
    estimate_share,
    summarise,
)

SHORT = {"runs": 40, "confirms": False}


def summary(nights=400, **settings):
    return summarise(simulate_nights(Settings(**settings), nights))


def within(estimate, low, high):
    """Whether the whole interval of an estimate lies between two numbers."""
    return low <= estimate.low and estimate.high <= high


def test_the_same_seed_gives_the_same_nights():
    one, again, other = (simulate_nights(Settings(**SHORT), 5, seed) for seed in (1, 1, 2))

    assert one == again != other


def test_a_night_in_which_nothing_helps_claims_a_gain_and_certifies_none():
    found = summary(**SHORT)

    assert within(found.claimed, 1.0, 3.0)
    assert found.true.value == 0
    assert found.false == found.kept
    assert found.granted.high < 0.06
    assert abs(found.bias.value) < 4 * (found.bias.high - found.bias.value) / 1.96


def test_what_helps_much_is_certified():
    found = summary(200, effects="heavy", **SHORT)

    assert found.granted.low > 0.5
    assert found.low_granted.high < 0  # the lower bound lies below the true gain


def test_a_margin_keeps_less():
    keeps = [
        summary(100, rule=VerdictRule(margin=margin), **SHORT).kept.value for margin in (0, 1, 3)
    ]

    assert keeps[0] > 2 * keeps[1] > 4 * keeps[2]


def test_a_margin_keeps_nothing_less_while_the_noise_is_not_known():
    keeps = [
        summary(50, known=None, rule=VerdictRule(margin=margin), **SHORT).kept for margin in (0, 3)
    ]

    assert keeps[0] == keeps[1]


def test_a_shared_salt_finds_more():
    apart, shared = (summary(200, effects="late", rho=rho, **SHORT) for rho in (0, 0.9))

    assert shared.true.low > apart.true.high


def test_placebos_are_kept_as_often_as_luck_keeps_them():
    found = summary(200, placebo=0.5, **SHORT)

    assert 0.02 < found.placebos_kept.value < 0.4
    assert math.isnan(summary(5, **SHORT).placebos_kept.value)


def test_a_placebo_is_a_further_run_of_the_reference():
    rule = VerdictRule(margin=100)  # nothing is kept, so that there is one reference
    night = simulation._Night(Settings(rule=rule, placebo=0.5, runs=30, pairs=0), random.Random(1))

    night.play()

    best, noise = night._find_reference(shares=True)
    assert best.runs == 1 + night._placebos > 5
    assert best.value == pytest.approx(stats.tmean([night._first, *night._further]))
    assert noise == 1.0


def test_a_reference_on_the_salt_of_the_search_counts_alone():
    rule = VerdictRule(margin=100)
    night = simulation._Night(Settings(rule=rule, rho=0.75, runs=34, pairs=0), random.Random(1))

    assert night._find_reference(shares=True)[1] == pytest.approx(0.5)
    night.play()

    best, noise = night._find_reference(shares=True)
    assert (best.value, best.runs, noise) == (night._again, 1, pytest.approx(0.5))
    assert night._find_reference(shares=False)[0].runs == 2
    stated = VerdictRule(noise=1.0)
    assert (
        simulation._Night(Settings(rule=stated, rho=0.75), random.Random(1))._find_reference(
            shares=True
        )[1]
        == 1.0
    )


def test_keeps_are_confirmed_at_the_end_of_the_night():
    found = summary(100, effects="heavy", runs=60)

    assert found.confirmed.low > 0.2
    assert found.falsely.value < 0.05


def test_a_plain_search_has_neither_certificate_nor_reference_runs():
    nights = simulate_nights(Settings(pairs=0, shares_salt=False, runs=60, confirms=False), 50)

    assert {night.tries for night in nights} == {59}
    assert {night.certificate for night in nights} == {None}


def test_a_reference_that_stands_long_is_measured_again():
    nights = simulate_nights(
        Settings(pairs=0, runs=100, confirms=False, rule=VerdictRule(margin=100)), 20
    )

    # Nothing is kept, so that each 30 discards are followed by a run of the reference.
    assert {(night.tries, night.kept) for night in nights} == {(96, 0)}


def test_a_night_without_a_keep_has_nothing_to_certify():
    nights = simulate_nights(Settings(rule=VerdictRule(margin=100)), 3)

    assert [(night.kept, night.claimed, night.certificate) for night in nights] == [
        (0, 0, None)
    ] * 3


@pytest.mark.parametrize("kind", ["gaussian", "t3", "skewed", "ar1"])
def test_noise_has_the_stated_deviation(kind):
    noise = simulation._Noise(Settings(noise=kind, sigma=2.0, rho=0.5), random.Random(1))
    draws = [noise.of_run(noise.salt()) for _ in range(40_000)]

    assert stats.tmean(draws) == pytest.approx(0, abs=0.08)
    assert stats.tstd(draws) == pytest.approx(2.0, rel=0.15 if kind == "t3" else 0.03)


def test_autocorrelated_noise_is_like_that_of_the_run_before():
    noise = simulation._Noise(Settings(noise="ar1", phi=0.5), random.Random(1))
    draws = [noise.of_run(0.0) for _ in range(20_000)]

    assert stats.pearsonr(draws[:-1], draws[1:]).statistic == pytest.approx(0.5, abs=0.03)


def test_runs_on_one_salt_share_the_stated_part():
    noise = simulation._Noise(Settings(rho=0.7), random.Random(1))
    pairs = [
        (noise.of_run(salt), noise.of_run(salt)) for salt in (noise.salt() for _ in range(9000))
    ]

    assert stats.pearsonr(*zip(*pairs, strict=True)).statistic == pytest.approx(0.7, abs=0.03)


@pytest.mark.parametrize(
    "settings",
    [
        {"runs": 11},
        {"pairs": -1},
        {"sigma": 0.0},
        {"sigma": math.nan},
        {"rho": 1.0},
        {"rho": -0.1},
        {"placebo": 1.0},
        {"phi": 1.0},
    ],
)
def test_settings_without_sense_are_refused(settings):
    with pytest.raises(ValueError, match=r"too few|out of its range"):
        simulate_nights(Settings(**settings), 1)


@given(st.integers(0, 500), st.integers(1, 500))
def test_shares_have_the_interval_of_scipy(count, total):
    count = min(count, total)
    theirs = stats.binomtest(count, total).proportion_ci(method="wilson")

    found = estimate_share(count, total)

    assert found.value == count / total
    assert math.isclose(found.low, theirs.low, abs_tol=1e-12)
    assert math.isclose(found.high, theirs.high, abs_tol=1e-12)


def test_means_have_their_standard_error():
    found = estimate_mean([1.0, 2.0, 6.0])

    assert found.value == 3.0
    assert found.high - found.value == pytest.approx(1.959964 * stats.sem([1.0, 2.0, 6.0]))
    assert estimate_mean([1.0]) == Estimate(1.0, -math.inf, math.inf)
    assert all(map(math.isnan, estimate_mean([])))


def test_the_summary_counts_what_the_nights_did():
    granted = Grant(True, 1.5, 0.1, 0.5, 2.5, None)
    refused = Grant(False, 0.3, 0.2, -0.1, 0.7, None)
    found = summarise(
        [
            Night(10, 2, 1, 2.0, 1.0, granted, 1, 0, 2, 1),
            Night(10, 1, 1, 1.0, 0.0, refused, 0, 0, 2, 0),
            Night(10, 0, 0, 0.0, 0.0, None, 0, 0, 0, 0),
        ]
    )

    assert (found.nights, found.kept.value, found.fewest, found.most) == (3, 1.0, 0, 2)
    assert found.keeping.value == pytest.approx(2 / 3)
    assert found.granted.value == pytest.approx(1 / 3)
    assert found.bias.value == pytest.approx(0.4)
    assert found.bias_granted.value == pytest.approx(0.5)
    assert found.low_granted.value == pytest.approx(-0.5)
    assert found.placebos_kept.value == 0.25
