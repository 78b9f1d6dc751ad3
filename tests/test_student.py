"""Student's t without scipy, compared with scipy."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from pytest_ouro.core.statistics.student import t_cdf, t_quantile

FREEDOM = st.one_of(st.integers(1, 60), st.floats(0.3, 1e18))


def agree(ours, theirs):
    return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-290)


@given(st.floats(-60, 60), FREEDOM)
@example(-1.8676, 9.4e8)  # here the usual continued fraction loses eight digits
@example(-1.7320508, 3)
@example(1e-200, 4)
@example(0.0, 1)
def test_the_probability_is_that_of_scipy(t, df):
    assert agree(t_cdf(t, df), stats.t.cdf(t, df))


@given(st.one_of(st.floats(1e-6, 1 - 1e-6), st.floats(1e-60, 1e-3)), FREEDOM.filter((1.0).__le__))
@example(0.05, 4)
@example(0.95, 4)
@example(0.5, 7)
def test_the_quantile_is_that_of_scipy(p, df):
    ours, theirs = t_quantile(p, df), stats.t.ppf(p, df)

    # Near the middle a quantile is as inexact as p itself.
    assert math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-15)


@given(st.floats(1e-60, 1 - 1e-9), st.floats(1, 1e6))
def test_the_quantile_inverts_the_probability(p, df):
    assert math.isclose(t_cdf(t_quantile(p, df), df), p, rel_tol=1e-9)


@given(st.floats(0, 1e300), st.floats(0.3, 1e18))
def test_the_tails_are_equal(t, df):
    assert t_cdf(t, df) == 1 - t_cdf(-t, df)


def test_infinite_freedom_is_the_normal_distribution():
    assert agree(t_cdf(-1.96, math.inf), stats.norm.cdf(-1.96))
    assert agree(t_quantile(0.05, math.inf), stats.norm.ppf(0.05))


def test_the_ends():
    assert t_quantile(0, 4) == -math.inf
    assert t_quantile(1, 4) == math.inf
    assert t_cdf(-math.inf, 4) == 0
    assert t_cdf(math.inf, 4) == 1
    assert agree(t_cdf(-1e200, 1), 1e-200 / math.pi)
    assert t_quantile(1e-300, 0.5) == -math.inf  # no float is as low


@pytest.mark.parametrize(("t", "df"), [(1, 0), (1, -1), (math.nan, 4), (1, math.nan)])
def test_what_is_not_a_distribution_is_refused(t, df):
    with pytest.raises(ValueError, match="no t distribution"):
        t_cdf(t, df)


@pytest.mark.parametrize(("p", "df"), [(-0.1, 4), (1.1, 4), (math.nan, 4), (0.5, 0)])
def test_what_is_not_a_probability_is_refused(p, df):
    with pytest.raises(ValueError, match="no t distribution"):
        t_quantile(p, df)
