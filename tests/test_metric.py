"""The metric: which values are better, how they are written, which cannot be true."""

import math

import pytest

from pytest_ouro.core.metric import Metric

LOWER, HIGHER = Metric.named("val_bpb"), Metric.named("accuracy", "higher")


def test_a_gain_is_positive_where_the_value_is_better():
    assert LOWER.gain(1.5, 2.0) == HIGHER.gain(2.0, 1.5) == 0.5
    assert LOWER.gain(2.0, 1.5) == HIGHER.gain(1.5, 2.0) == -0.5


def test_a_gain_has_the_decimals_that_are_logged():
    assert LOWER.gain(1.9999996, 2.0) == 0.0
    assert Metric("cost", decimals=2).gain(1.996, 2.0) == 0.0


def test_the_best_of_some_values():
    assert LOWER.best([2.0, 1.0, 3.0]) == 1.0
    assert HIGHER.best([2.0, 1.0, 3.0]) == 3.0


@pytest.mark.parametrize(
    ("value", "text"), [(1.7312044, "1.731204"), (None, "0.000000"), (-2.0, "-2.000000")]
)
def test_values_are_written_with_six_decimals(value, text):
    assert LOWER.text(value) == text


@pytest.mark.parametrize(
    ("value", "plausible"), [(0.0, False), (1e-9, True), (20.0, False), (math.nan, False)]
)
def test_the_ends_of_the_plausible_range_cannot_be_true(value, plausible):
    assert LOWER.is_plausible(value) is plausible


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_only_bits_per_byte_are_known_to_be_more_than_nothing(value):
    assert LOWER.is_impossible(value)
    assert not HIGHER.is_impossible(value)
    assert not LOWER.is_impossible(0.1)
