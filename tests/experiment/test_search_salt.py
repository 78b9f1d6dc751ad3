"""The salt of the search: which salt a try has, and when another is drawn."""

import itertools

import pytest

from pytest_ouro.bound.tables import VerdictRule
from pytest_ouro.evidence.records.reasons import RECORDED
from pytest_ouro.evidence.records.run_record import FinishedRun
from pytest_ouro.experiment.verdict.search_salt import (
    STANDS,
    compare_draws,
    find_reference,
    find_search,
    is_due,
)

_numbers = itertools.count(1)


def run(reason, commit="b", *, purpose="search", salt=0, value=1.0, best="a", **facts):
    reason = RECORDED[reason]
    return FinishedRun(
        time="2026-01-01T00:00:00+00:00",
        run=f"{next(_numbers):012x}",
        commit=commit * 40,
        outcome="ok",
        value=value,
        status=reason.status,
        reason=reason,
        row="",
        purpose=purpose,
        salt=salt,
        best_commit=None if best is None else best * 40,
        **facts,
    )


BASELINE = run("baseline", "a", best=None)
KEPT = run("improved", "a", best="0", salt=3)


@pytest.mark.parametrize(
    ("remeasure", "chosen", "due"),
    [
        ("never", False, [False, False, False]),
        ("never", True, [False, False, False]),
        ("standing", False, [False, False, True]),
        ("standing", True, [False, False, True]),
        ("kept", False, [False, False, True]),
        ("kept", True, [True, True, True]),
    ],
)
def test_when_the_reference_is_measured_again(remeasure, chosen, due):
    counts = (0, STANDS - 1, STANDS)
    assert [is_due(remeasure, count, chosen=chosen) for count in counts] == due


def test_the_first_tries_have_the_scripts_own_seeds():
    assert find_search(VerdictRule(), BASELINE, [BASELINE]) == (0, False)
    assert find_search(VerdictRule(remeasure="kept"), BASELINE, [BASELINE]) == (0, False)


def test_a_try_has_the_salt_of_the_last_run_of_its_reference():
    first = run("reference", "a", purpose="reference", salt=7)
    last = run("reference", "a", purpose="reference", salt=9)
    other = run("reference", "c", purpose="reference", salt=11)
    failed = run("reference", "a", purpose="reference", salt=13, value=None)
    runs = [first, KEPT, last, other, failed]
    assert find_search(VerdictRule(), KEPT, [first, KEPT]) == (3, False)
    assert find_search(VerdictRule(), KEPT, runs) == (9, False)
    assert find_reference(KEPT, runs) is last
    assert find_reference(KEPT, [first, KEPT]) is None, "it was made before the keep"


def test_discards_of_this_reference_alone_count():
    lost = [run("worse") for _ in range(STANDS)]
    rule = VerdictRule()
    assert find_search(rule, KEPT, [KEPT, *lost]).due
    assert not find_search(rule, KEPT, [KEPT, *lost[1:]]).due
    assert not find_search(rule, KEPT, [*lost, KEPT]).due, "they were discarded before it"
    others = [run("crash"), run("unchanged"), run("worse", best="c"), run("pair", purpose="pair")]
    assert not find_search(rule, KEPT, [KEPT, *lost[1:], *others]).due
    again = run("reference", "a", purpose="reference", salt=7)
    assert not find_search(rule, KEPT, [KEPT, *lost, again]).due, "it was measured since"
    assert find_search(rule, KEPT, [KEPT, again, *lost]).due


def test_a_keep_that_was_chosen_is_measured_again_if_asked_for():
    rule = VerdictRule(remeasure="kept")
    assert find_search(rule, KEPT, [BASELINE, KEPT]).due
    again = run("reference", "a", purpose="reference", salt=7)
    assert find_search(rule, KEPT, [BASELINE, KEPT, again]) == (7, False)


def test_without_noise_or_after_repeats_nothing_is_measured_again():
    lost = [run("worse") for _ in range(STANDS)]
    assert not find_search(VerdictRule(noise=0.0), KEPT, [KEPT, *lost]).due
    mean = run("improved", "a", best="0", salt=5, series="f" * 12, mean=1.0, n=3)
    assert find_search(VerdictRule(), mean, [mean, *lost]) == (0, False)


def digests(**changes):
    points = ("the first batch", "the evaluation")
    names = [f"{name} at {point}" for name in ("torch", "torch draws") for point in points]
    return {name: changes.get(name.replace(" ", "_"), "0") for name in names}


def test_in_how_far_two_runs_drew_the_same_numbers():
    same = digests()
    later = digests(torch_draws_at_the_evaluation="1")
    shapes = digests(torch_draws_at_the_first_batch="1", torch_draws_at_the_evaluation="1")
    assert compare_draws(same, digests()) == "all"
    assert compare_draws(same, later) == "start"
    assert compare_draws(same, shapes) == "other"
    assert compare_draws(same, {"torch at the evaluation": "0"}) == "other"
    assert compare_draws({"torch at the evaluation": "0"}, {"torch at the evaluation": "1"}) == (
        "other"
    )
    assert compare_draws({}, same) == compare_draws(same, {}) == compare_draws({}, {}) == ""
