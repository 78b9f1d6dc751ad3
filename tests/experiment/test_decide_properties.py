"""Properties of the verdict that hold for all values, noises and margins."""

import math

from hypothesis import example, given
from hypothesis import strategies as st

from pytest_ouro.bound.tables import VerdictRule
from pytest_ouro.core.metric import Metric
from pytest_ouro.experiment.verdict.decide import Candidate, decide

VALUE = st.integers(-80, 80).map(lambda number: number / 8)
NOISE = st.one_of(st.none(), st.integers(0, 80).map(lambda number: number / 16))
MARGIN = st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, 5.0])
SIZE = st.integers(1, 200)
RUNS = st.integers(1, 8)
LOWER, HIGHER = Metric("loss"), Metric("score", "higher")


def verdict(value, best, *, metric=HIGHER, noise=None, margin=0.0, size=100, runs=1):
    """The reason for a run of new code against a reference of 100 nodes."""
    run, reference = (
        Candidate(value, {"": size}, "new", "", runs),
        Candidate(best, {"": 100}, "old"),
    )
    return decide("ok", run, reference, rule=VerdictRule(margin=margin), noise=noise, metric=metric)


@given(VALUE, VALUE, NOISE, MARGIN, SIZE, RUNS)
def test_the_direction_of_the_metric_changes_nothing_else(value, best, noise, margin, size, runs):
    options = {"noise": noise, "margin": margin, "size": size, "runs": runs}

    assert verdict(value, best, **options) == verdict(-value, -best, metric=LOWER, **options)


@given(VALUE, VALUE, NOISE, MARGIN, SIZE, RUNS, st.integers(-8, 8))
def test_the_unit_of_the_metric_changes_nothing(value, best, noise, margin, size, runs, power):
    options = {"margin": margin, "size": size, "runs": runs}
    unit = 2.0**power
    scaled = None if noise is None else noise * unit

    assert verdict(value, best, noise=noise, **options) == verdict(
        value * unit, best * unit, noise=scaled, **options
    )


@given(VALUE, VALUE, VALUE, NOISE, MARGIN, SIZE, RUNS)
@example(1.5, 0.9, 0.0, 1.0, 2.0, 50, 1)  # shorter code: a tie, and a gain below the margin
def test_a_better_run_is_kept_where_a_worse_one_is(value, other, best, noise, margin, size, runs):
    options = {"noise": noise, "margin": margin, "size": size, "runs": runs}
    worse, better = (verdict(one, best, **options) for one in sorted((value, other)))

    assert worse.status != "keep" or better.status == "keep"


@given(VALUE, VALUE, NOISE, MARGIN, SIZE, SIZE, RUNS)
def test_shorter_code_is_kept_where_longer_code_is(value, best, noise, margin, one, other, runs):
    options = {"noise": noise, "margin": margin, "runs": runs}
    shorter, longer = (verdict(value, best, size=size, **options) for size in sorted((one, other)))

    assert longer.status != "keep" or shorter.status == "keep"


@given(VALUE, VALUE, NOISE, MARGIN, MARGIN, SIZE)
def test_a_larger_margin_keeps_less(value, best, noise, one, other, size):
    small, large = (
        verdict(value, best, noise=noise, margin=margin, size=size)
        for margin in sorted((one, other))
    )

    assert large.status != "keep" or small.status == "keep"


@given(VALUE, VALUE, NOISE, RUNS)
def test_by_default_any_gain_is_kept_and_no_loss_of_longer_code(value, best, noise, runs):
    found = verdict(value, best, noise=noise, size=101, runs=runs)

    assert (found.status == "keep") == (value > best)


@given(VALUE, VALUE, NOISE, MARGIN)
def test_improved_is_said_only_of_what_noise_does_not_explain(value, best, noise, margin):
    found = verdict(value, best, noise=noise, margin=margin)

    if found == "improved":
        assert noise is not None
        assert value - best > 2 * math.sqrt(2) * noise * (1 - 1e-9)
