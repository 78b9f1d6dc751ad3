"""What a run that takes too long reports of its steps: used in messages and the report alone."""

import pytest

from pytest_ouro.evidence.records.pace import describe_pace
from pytest_ouro.experiment.supervision.pace import summarise

USUAL = {"batches": 40, "before": 0, "first": [0.1] * 32, "later": 0.8, "longest": 0.1}


def test_usual_batches_have_no_slow_ones():
    assert summarise(USUAL, 40 * 128) == {
        "batches": 40, "before": 0, "tokens": 128, "usually": 0.1, "longest": 0.1, "slow": 0,
        "slow-seconds": 0.0,
    }  # fmt: skip


def test_the_first_slow_batches_are_counted_up_to_the_last_slow_one():
    first = [2.0, 0.1, 1.5] + [0.1] * 29
    pace = summarise({**USUAL, "first": first, "longest": 2.0}, 40)
    assert (pace["slow"], pace["slow-seconds"]) == (3, 3.6)


def test_what_was_served_before_the_clock_is_not_part_of_it():
    first = [2.0, 1.5] + [0.1] * 30
    pace = summarise({**USUAL, "before": 1, "first": first, "longest": 2.0}, 40)
    assert (pace["slow"], pace["slow-seconds"]) == (2, 1.5)


def test_the_work_of_the_end_is_not_a_slow_first_batch():
    pace = summarise({**USUAL, "batches": 4, "first": [0.1, 0.1, 0.1, 2.0], "later": 0}, 4)
    assert (pace["slow"], pace["longest"]) == (0, 0.1)


@pytest.mark.parametrize(
    "reported",
    [{}, {**USUAL, "first": []}, {**USUAL, "first": ["x"]}, {**USUAL, "batches": 0},
     {**USUAL, "longest": float("inf")}, {**USUAL, "later": -1}, {**USUAL, "first": None}],
)  # fmt: skip
def test_a_script_that_reports_nonsense_has_no_pace(reported):
    assert summarise(reported, 100) == {}


LOOP = """\
import time
from prepare import evaluate_bpb, make_dataloader
for n, batch in enumerate(make_dataloader()):
    if n == 20:
        break
    time.sleep({slow} if n < 2 else 0.001)
print(f"val_bpb: {{evaluate_bpb(2.0):.6f}}")
"""


def test_a_run_says_what_started_its_clock(bench):
    seen = bench.train(LOOP.format(slow=0.4))

    assert seen.clock_start == "batch"
    assert (seen.pace["batches"], seen.pace["tokens"]) == (21, 4)
    assert seen.pace["slow"] >= 2  # a busy machine may make others slow
    assert seen.pace["slow-seconds"] >= 0.8
    assert "its clock started with the first batch" in describe_pace(seen)
    assert f"the first {seen.pace['slow']:.0f} took" in describe_pace(seen)


def test_tokens_that_were_served_start_it(bench):
    seen = bench.train(LOOP.format(slow=0.001), warmup_tokens=20, warmup_seconds=200.0)

    assert (seen.clock_start, seen.pace["before"]) == ("warmup-tokens", 5)
    assert "(5 before it)" in describe_pace(seen)


@pytest.mark.parametrize(
    ("limits", "cause"),
    [
        ({"warmup_seconds": 0.3, "startup_seconds": 200.0}, "warmup-seconds"),
        ({"warmup_seconds": 200.0, "startup_seconds": 0.3}, "startup-seconds"),
    ],
)
def test_a_limit_starts_it_before_the_tokens_were_served(bench, limits, cause):
    seen = bench.train(LOOP.format(slow=1.0), warmup_tokens=10**9, **limits)

    assert seen.clock_start == cause


def test_a_run_that_is_ended_says_it_too(bench):
    body = "for _ in range(10**9):\n    next(batches)\n    time.sleep(0.01)"
    seen = bench.train(bench.trains(body), budget=0.2)

    assert seen.stopped == "overrun"
    assert seen.pace["batches"] >= 4
    assert "batches" in describe_pace(seen)
