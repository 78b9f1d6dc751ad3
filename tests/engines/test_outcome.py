"""What a batch comes to: the best, and how easily luck gives as much."""

import random

import pytest

from pytest_ouro.experiment.batch.outcome import chance_of_best


@pytest.mark.parametrize(
    ("gain", "rivals", "reference"),
    [(0.0, 1, 1.0), (1.0, 1, 1.0), (1.0, 8, 1.0), (2.0, 8, 1.0), (2.0, 8, 0.0), (1.5, 100, 0.5)],
)
def test_the_chance_is_that_of_a_simulation(gain, rivals, reference):
    draw = random.Random(f"{gain} {rivals} {reference}")
    tries = 4000
    hits = sum(
        max(draw.gauss(0, 1) for _ in range(rivals)) - draw.gauss(0, reference) >= gain
        for _ in range(tries)
    )

    chance = chance_of_best(gain, rivals, noise=1.0, reference=reference)

    assert chance == pytest.approx(hits / tries, abs=0.03)


def test_of_one_candidate_without_a_gain_it_is_a_half():
    assert chance_of_best(0.0, 1, noise=0.2, reference=0.2) == pytest.approx(0.5)


def test_more_candidates_have_more_luck():
    chances = [chance_of_best(2.0, count, noise=1.0, reference=1.0) for count in (1, 2, 8, 64)]

    assert chances == sorted(chances)
    assert chance_of_best(100.0, 64, noise=1.0, reference=1.0) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.tier(2)
def test_the_summary_states_the_chance(field_of):
    field = field_of(noise=0.5)
    first, second = field.idea(4.0), field.idea(6.0)

    outcome = field.measure(first, second)

    assert outcome.rivals == 2
    expected = chance_of_best(1.0, 2, noise=0.5, reference=0.5)
    assert outcome.chance == pytest.approx(expected)
    assert outcome.last_line.endswith(f"state=provisional chance={expected:.2g}")
    [line] = [line for line in outcome.lines() if "without any effect" in line]
    assert f"{first[:7]} gains 1 on " in line
    assert not [line for line in outcome.lines(quiet=True) if "without any effect" in line]
