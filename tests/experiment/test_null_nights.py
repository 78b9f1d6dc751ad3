"""Nights in which no try has an effect, by the function that decides: the table of the docs."""

import random
import re
from pathlib import Path

import pytest

from pytest_ouro.bound.tables import VerdictRule
from pytest_ouro.core.metric import Metric
from pytest_ouro.experiment.verdict.decide import Candidate, decide

PAGE = Path(__file__).parents[2] / "docs/verdicts.md"
ROW = re.compile(r"^\| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| (\d+) % \| ([\d.]+) × noise \|$", re.M)
TABLE = [tuple(map(float, row)) for row in ROW.findall(PAGE.read_text(encoding="utf-8"))]
METRIC = Metric("loss")
TRIES, NIGHTS = 120, 400


def night(chance, rule):
    """Return the keeps after the baseline, how many are called improved, and the gain that the
    last one claims."""
    first = best = Candidate(chance.gauss(0, 1), {"": 1}, "first")
    reasons = []
    for number in range(TRIES):
        run = Candidate(chance.gauss(0, 1), {"": 1}, f"try {number}")
        reason = decide("ok", run, best, rule=rule, noise=1.0, metric=METRIC)
        if reason.status == "keep":
            reasons.append(reason)
            best = run
    return len(reasons), reasons.count("improved"), first.value - best.value


@pytest.mark.tier(3, but=1)
@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"margin {row[0]:g}")
def test_keeps_by_luck_are_as_many_as_the_docs_say(row):
    margin, keeps, improved, nights, gain = row
    chance = random.Random(20)
    rule = VerdictRule(noise=1.0, margin=margin)

    found = [night(chance, rule) for _ in range(NIGHTS)]
    kept, called, claimed = zip(*found, strict=True)

    assert sum(kept) / NIGHTS == pytest.approx(keeps, abs=0.3)
    assert sum(called) / NIGHTS == pytest.approx(improved, abs=0.08)
    assert 100 * sum(map(bool, kept)) / NIGHTS == pytest.approx(nights, abs=7)
    assert sum(claimed) / NIGHTS == pytest.approx(gain, abs=0.2)


def test_the_docs_state_the_default_and_a_careful_margin():
    assert [row[0] for row in TABLE] == [0, 0.5, 1, 1.5, 2]


def test_without_a_margin_the_keeps_are_the_records_of_a_sequence():
    """Of n values in random order, 1/2 + 1/3 + ... + 1/n are better than all before (Rényi)."""
    expected = sum(1 / place for place in range(2, TRIES + 2))

    chance = random.Random(21)
    kept = [night(chance, VerdictRule(noise=1.0))[0] for _ in range(NIGHTS)]

    assert sum(kept) / NIGHTS == pytest.approx(expected, abs=0.3)
