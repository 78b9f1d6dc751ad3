"""The clock of a run, with events and times set by hand."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_ouro.experiment.supervision import processes, run_clock

TOKENS = 1280
JUDGED = {
    "decimals": None,
    "vault": 0,
    "value": 1.0,
    "se": 0.1,
    "rows": 64,
    "questions": 80,
    "tokens": TOKENS,
    "seconds": 1.0,
}


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets by ``now``."""
    time = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(run_clock, "time", SimpleNamespace(monotonic=lambda: time.now))
    return time


@pytest.fixture
def make(bench, clock):
    """``make()``: return the state of a run without processes whose script was just released."""

    def build(**changes):
        empty = processes.Family(2**22 + 1)
        state = run_clock.RunState(bench.job("", **changes), clock.now, empty)
        state.release()
        return state

    return build


def test_the_window_begins_with_the_first_batch(make, clock):
    run = make(startup_seconds=5.0)
    clock.now += 2
    run.start()
    clock.now += 7
    assert run.trained() == 7


def test_stopping_the_supervisor_before_the_first_batch_gains_no_time(make, clock):
    run = make(startup_seconds=5.0)
    clock.now += 60  # no scan was made, and the first batch is reported now
    run.on_event({"event": "start"})
    assert run.trained() == 55


def test_a_warm_up_ends_at_its_deadline_without_a_scan(make, clock):
    run = make(warmup_seconds=10.0)
    run.on_event({"event": "warm-up"})
    clock.now += 60
    run.on_event({"event": "start"})
    assert run.trained() == 50


def test_a_warm_up_that_is_reported_again_is_not_longer(make, clock):
    run = make(warmup_seconds=10.0)
    for _ in range(4):
        run.on_event({"event": "warm-up"})
        clock.now += 6
        run.tick()
    assert run.trained() == 14


def start_answers(run, clock, *, trained=20.0, served=100 * TOKENS):
    """Train for some seconds, then ask the judge for the score."""
    run.start()
    clock.now += trained
    run.on_event({"event": "evaluate", "served": served})
    run.on_judge_event({"event": "asked"})


def answered(run, clock, seconds, *, scoring=0.0, judging=0.0, **facts):
    """Answer the judge's batches after these seconds each, and return the run."""
    start_answers(run, clock, **facts)
    for one in seconds:
        clock.now += judging
        run.on_judge_event({"event": "question"})
        clock.now += one
        run.on_judge_event({"event": "answered"})
    clock.now += judging
    run.on_judge_event({"event": "judged", "findings": [], "scoring": scoring, **JUDGED})
    return run


@pytest.mark.parametrize("late", [0, 1, 9])
@pytest.mark.parametrize("served", [1, 4 * TOKENS, 10**9])
def test_one_late_answer_counts_as_training(make, clock, late, served):
    seconds = [0.1] * 10
    seconds[late] = 3.6
    run = make(budget=20.0, judge={})
    answered(run, clock, seconds, served=served, scoring=1.0)
    assert run.judgment.answering == pytest.approx(4.5)
    assert run.charged() == pytest.approx(3.5)
    assert run.trained() == pytest.approx(23.5)
    assert run.findings == []


def test_inference_at_the_pace_of_training_is_free(make, clock):
    run = make(budget=20.0, judge={})
    answered(run, clock, [0.3] * 10, served=3 * TOKENS)
    assert (run.charged(), run.trained()) == (0, 20)


def test_answers_that_are_all_late_count_as_training(make, clock):
    """All batches cost the same; half a training step on so many tokens takes 0.1 s."""
    run = answered(make(budget=20.0, judge={}), clock, [0.3] * 10, served=100 * TOKENS)
    assert run.charged() == pytest.approx(2.9)


def test_claimed_tokens_excuse_a_quarter_of_the_budget(make, clock):
    run = answered(make(budget=20.0, judge={}), clock, [0.8] * 10, served=1)
    assert run.charged() == pytest.approx(3.0)


def test_a_rehearsal_may_be_short_beside_its_evaluation(make, clock):
    run = make(budget=1.0, judge={}, rehearsal=True)
    answered(run, clock, [0.2] * 10, trained=1.0, served=TOKENS // 5)
    assert run.charged() == 0


def test_the_judges_own_work_on_the_logits_excuses_as_much_of_the_runs(make, clock):
    run = answered(make(budget=20.0, judge={}), clock, [0.3] * 10, scoring=2.5)
    assert run.charged() == pytest.approx(0.4)


@pytest.mark.parametrize("scale", [0.01, 0.5, 30.0])
@pytest.mark.parametrize("late", [0.1, 4.0])
def test_the_charge_is_a_share_of_the_budget(make, clock, scale, late):
    """No fixed number of seconds is free: all times and the charge are scaled."""
    seconds = [late, *[0.2] * 9]
    whole = answered(make(budget=20.0, judge={}), clock, seconds).charged()
    scaled = answered(
        make(budget=20.0 * scale, judge={}),
        clock,
        [one * scale for one in seconds],
        trained=20.0 * scale,
    )
    assert scaled.charged() == pytest.approx(whole * scale, abs=1e-6)


def test_answers_shorter_than_a_tick_are_not_late(make, clock):
    """The system counts CPU time in ticks of 10 ms: most answers of 4 ms cost none."""
    ticks = [round(0.004 * (n + 1), 2) - round(0.004 * n, 2) for n in range(75)]
    run = answered(make(budget=1.0, judge={}), clock, ticks, trained=1.0, scoring=0.3)
    assert run.charged() < 0.02


def test_the_time_of_the_judge_is_not_charged(make, clock):
    run = make(budget=20.0, judge={})
    answered(run, clock, [0.1] * 10, judging=7.0)
    assert (run.judgment.answering, run.charged()) == (pytest.approx(1.0), 0)


@pytest.mark.parametrize(("judging", "charged"), [(0.0, 3.9), (0.2, 2.1), (0.9, 0.0)])
def test_a_machine_that_delays_the_judge_delays_the_answers(make, clock, judging, charged):
    """Between ten answers the judge computes nine times while the wall clock runs."""
    run = answered(make(budget=20.0, judge={}), clock, [0.4] * 10, judging=judging)
    assert run.charged() == pytest.approx(charged)


def test_a_judge_that_was_slowed_down_excuses_a_quarter_of_the_budget(make, clock):
    run = answered(make(budget=20.0, judge={}), clock, [0.8] * 10, judging=60.0)
    assert run.charged() == pytest.approx(3.0)


def test_training_while_the_judge_computes_is_charged(make, clock, monkeypatch):
    """A thread that trains meanwhile is charged for CPU time, up to the time that passes."""
    run, begun = make(budget=20.0, judge={}), clock.now

    def usage(family):
        return processes.Usage(cpu_seconds=2 * (clock.now - begun), resident_mb=1.0)

    monkeypatch.setattr(processes.Family, "usage", usage)
    answered(run, clock, [0.1] * 10, judging=0.5, scoring=1.0)
    assert run.judgment.answering == pytest.approx(6.0)
    assert run.charged() > 3.9


def test_room_for_the_first_answer_is_made_in_the_judges_time(make, clock):
    run = make(budget=20.0, judge={})
    start_answers(run, clock)
    for event, seconds in [("question", 0.1), ("room", 9.0), ("question", 0.2), ("answered", 0.0)]:
        run.on_judge_event({"event": event})
        clock.now += seconds
    run.on_judge_event({"event": "judged", "findings": [], "scoring": 1.0, **JUDGED})
    assert run.judgment.answering == pytest.approx(0.3)


def test_a_run_that_trains_on_while_it_is_asked_is_ended_as_one_before(make, clock):
    run = make(budget=20.0, judge={}, timeout=1e6)
    start_answers(run, clock)
    run.on_judge_event({"event": "question"})
    clock.now += 10.9
    assert (run.tick(), run.trained()) == ("", pytest.approx(30.9))
    clock.now += 0.2
    assert run.tick() == "overrun"


def test_a_judge_that_computes_long_ends_no_run(make, clock):
    run = make(budget=20.0, judge={}, timeout=1e6)
    start_answers(run, clock)
    clock.now += 1000
    assert (run.tick(), run.trained()) == ("", 20)


def test_an_answer_that_is_not_a_prediction_ends_the_count(make, clock):
    run = make(budget=20.0, judge={}, timeout=1e6)
    start_answers(run, clock)
    run.on_judge_event({"event": "question"})
    clock.now += 0.5
    run.on_judge_event({"event": "finding", "text": "no prediction"})
    clock.now += 1000
    assert (run.tick(), run.trained()) == ("", pytest.approx(20.5))
    assert run.findings == ["no prediction"]


def test_the_times_of_scans_are_random(make, clock):
    run, waits = make(), set()
    for _ in range(50):
        run.scan()
        waits.add(run.next_scan - clock.now)
    assert len(waits) > 40
    assert 0.2 <= min(waits) < 0.6 < 1.4 < max(waits) <= 1.8


def test_the_processes_are_looked_at_when_it_is_time(make, clock):
    run = make()
    run.scan()
    planned = run.next_scan
    clock.now = planned - 0.01
    run.tick()
    assert run.next_scan == planned
    clock.now = planned + 0.01
    run.tick()
    assert run.next_scan > planned
