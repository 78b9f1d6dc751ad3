"""The metric: which values are better, how they are written, which cannot be true."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ouro.core.metric import Metric

FINITE = st.floats(allow_nan=False, allow_infinity=False)
LOWER, HIGHER = Metric.named("val_bpb"), Metric.named("accuracy", "higher")


def test_a_gain_is_positive_where_the_value_is_better():
    assert LOWER.gain(1.5, 2.0) == HIGHER.gain(2.0, 1.5) == 0.5
    assert LOWER.gain(2.0, 1.5) == HIGHER.gain(1.5, 2.0) == -0.5


@pytest.mark.parametrize("decimals", [None, 0, 2, 6])
@pytest.mark.parametrize(
    ("value", "best", "gain"),
    [
        (1.9999996, 2.0, 0.0000004),
        (0.0000012, 0.0000013, 0.0000001),
        (1e-300, 2e-300, 1e-300),
        (5120.0, 5120.0000001, 0.0000001),
        (1.2, 1.3, 0.1),
        (-0.5, -0.4, 0.1),
        (-1e308, 1e308, 1.6e308),
    ],
)
def test_different_values_are_never_equal_in_a_verdict(value, best, gain, decimals):
    assert Metric("x", decimals=decimals).gain(value, best) == gain


@pytest.mark.parametrize("metric", [LOWER, HIGHER])
@pytest.mark.parametrize("number", [0.0, -1e308, math.inf, -math.inf])
def test_what_is_not_a_number_is_worse_than_every_number(metric, number):
    assert metric.gain(math.nan, number) == -metric.gain(number, math.nan) == -1.6e308
    assert metric.gain(math.nan, math.nan) == metric.gain(number, number) == 0.0


def test_the_order_of_a_sum_gains_nothing():
    assert LOWER.gain(0.1 + 0.2, 0.3) == 0.0


@given(one=FINITE, other=FINITE)
def test_what_one_side_gains_the_other_loses(one, other):
    assert LOWER.gain(one, other) == -LOWER.gain(other, one) == HIGHER.gain(other, one)


def test_the_best_of_some_values():
    assert LOWER.best([2.0, 1.0, 3.0]) == 1.0
    assert HIGHER.best([2.0, 1.0, 3.0]) == 3.0


@pytest.mark.parametrize(
    ("value", "text"), [(1.7312044, "1.731204"), (None, "none"), (-2.0, "-2.000000")]
)
def test_values_are_written_with_six_decimals(value, text):
    assert LOWER.text(value) == text


@pytest.mark.parametrize(
    ("decimals", "value", "text"),
    [
        (None, 1632.0, "1632"),
        (None, 35.123456789, "35.123457"),
        (None, -0.4, "-0.4"),
        (None, 0.0000012, "0.0000012"),
        (None, 0.0123456789, "0.0123457"),
        (None, 1e300, "1e+300"),
        (None, 3e-20, "3e-20"),
        (None, -0.0, "0"),
        (None, None, "none"),
        (0, 5120.0, "5120"),
        (2, 8.0, "8.00"),
        (2, 0.004, "0.004"),
        (0, -0.3, "-0.3"),
        (6, -0.0, "0.000000"),
    ],
)
def test_a_value_is_shown_with_the_decimals_that_are_stated_or_needed(decimals, value, text):
    assert Metric("x", decimals=decimals).text(value) == text


@given(value=FINITE.filter(bool), decimals=st.none() | st.integers(0, 15))
def test_no_value_is_shown_as_zero(value, decimals):
    metric = Metric("x", decimals=decimals)
    assert float(metric.text(value)) != 0
    assert metric.writes(metric.text(value))


def test_different_values_are_not_shown_alike():
    assert LOWER.texts(1.7312041, 1.7312042) == ("1.7312041", "1.7312042")
    assert LOWER.texts(1.7, 1.8) == ("1.700000", "1.800000")
    assert LOWER.texts(1.7, 1.7) == ("1.700000", "1.700000")


@pytest.mark.parametrize(
    "text", ["", "1.5", "1.50000", "nan", "1,500000", " 1.500000", "1_0.000000"]
)
def test_text_that_was_not_written_for_a_metric(text):
    assert not LOWER.writes(text)


@pytest.mark.parametrize(
    ("value", "plausible"),
    [(0.0, False), (4.66e-7, False), (1e-6, True), (20.0, True), (20.1, False), (math.nan, False)],
)
def test_bits_per_byte_have_a_range_of_their_own(value, plausible):
    assert LOWER.is_plausible(value) is plausible


@pytest.mark.parametrize("value", [-1e9, 0.0, 27.8, 5120.0])
def test_other_metrics_have_none(value):
    assert Metric.named("val_rmse").is_plausible(value)


@pytest.mark.parametrize(("value", "plausible"), [(0.0, True), (100.0, True), (100.1, False)])
def test_both_ends_of_a_stated_range_are_possible(value, plausible):
    metric = Metric.named("accuracy", "higher", plausible=(0.0, 100.0))
    assert metric.is_plausible(value) is plausible
    assert not metric.is_plausible(math.inf)


@pytest.mark.parametrize("value", [0.0, -1.0, 4.66e-7])
def test_only_bits_per_byte_are_known_to_be_more_than_nothing(value):
    assert LOWER.is_impossible(value)
    assert not HIGHER.is_impossible(value)
    assert not LOWER.is_impossible(0.1)
