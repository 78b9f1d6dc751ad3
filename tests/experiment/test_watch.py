"""The clock of a run, told by hand what happens when."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_ouro.experiment.supervision import processes, run_clock

JUDGED = {"value": 1.0, "se": 0.1, "rows": 64, "questions": 80, "tokens": 1280, "seconds": 1.0}


@pytest.fixture
def clock(monkeypatch):
    """The time, in ``now``; it goes on by itself no more."""
    time = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(run_clock, "time", SimpleNamespace(monotonic=lambda: time.now))
    return time


@pytest.fixture
def make(bench, clock):
    """A watch over nobody, whose script was just let go."""

    def made(**changes):
        nobody = processes.Family(2**22 + 1, strangers=processes.adopt_orphans())
        made = run_clock.Watch(bench.job("", **changes), clock.now, nobody)
        made.release()
        return made

    return made


def test_the_window_begins_with_the_first_batch(make, clock):
    run = make(startup_seconds=5.0)
    clock.now += 2
    run.start()
    clock.now += 7
    assert run.trained() == 7


def test_who_stops_the_supervisor_before_the_first_batch_gains_no_time(make, clock):
    run = make(startup_seconds=5.0)
    clock.now += 60  # nobody looked, and the first batch is heard of now
    run.hear({"event": "start"})
    assert run.trained() == 55


def test_a_warm_up_ends_when_it_had_to_though_nobody_looked(make, clock):
    run = make(warmup_seconds=10.0)
    run.hear({"event": "warm-up"})
    clock.now += 60
    run.hear({"event": "start"})
    assert run.trained() == 50


def test_a_warm_up_that_is_told_again_is_no_longer(make, clock):
    run = make(warmup_seconds=10.0)
    for _ in range(4):
        run.hear({"event": "warm-up"})
        clock.now += 6
        run.tick()
    assert run.trained() == 14


def answered(run, clock, seconds):
    """The judge is asked, and its batches are answered after these seconds each."""
    run.start()
    clock.now += 20
    run.hear({"event": "evaluate", "served": 1})  # by the script's word, each token took 20 s
    run.hear_judge({"event": "asked"})
    for one in seconds:
        clock.now += one
        run.hear_judge({"event": "answered"})
    run.hear_judge({"event": "judged", "findings": [], **JUDGED})
    return run.findings


@pytest.mark.parametrize("late", [0, 1])
def test_one_late_answer_is_a_finding_whatever_was_said_to_be_served(make, clock, late):
    seconds = [0.1] * 10
    seconds[late] = 7.0
    [finding] = answered(make(budget=20.0, judge={}), clock, seconds)
    assert finding == (
        "the model took 6.9 s longer to answer the judge than at its usual pace, at most 4.0 s are "
        "allowed"
    )


@pytest.mark.parametrize("seconds", [[3.0, *[0.1] * 10], [0.9] * 10])
def test_a_first_answer_may_take_a_while_and_a_slow_model_all_the_time(make, clock, seconds):
    assert answered(make(budget=20.0, judge={}), clock, seconds) == []


def test_nobody_foresees_when_the_processes_are_looked_at(make, clock):
    run, waits = make(), set()
    for _ in range(50):
        run.look()
        waits.add(run.look_at - clock.now)
    assert len(waits) > 40
    assert 0.2 <= min(waits) < 0.6 < 1.4 < max(waits) <= 1.8


def test_the_processes_are_looked_at_when_it_is_time(make, clock):
    run = make()
    run.look()
    planned = run.look_at
    clock.now = planned - 0.01
    run.tick()
    assert run.look_at == planned
    clock.now = planned + 0.01
    run.tick()
    assert run.look_at > planned
