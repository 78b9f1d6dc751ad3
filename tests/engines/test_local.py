"""The local engine: its places, and workers that fail in other ways than by a signal."""

import os
import time

import pytest

from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.experiment.devices.nvml import Card
from pytest_ouro.experiment.engines import events, local
from pytest_ouro.experiment.engines.local import LocalEngine, make_local_engine

REQUEST = events.Request(
    attempt="a1", commit="c" * 40, head="c" * 40, trust="c" * 40, named=True, bound="bound.toml",
    base="/gone", base_digest="0" * 64, bundle=b"", digest="0" * 64, version="0",
)  # fmt: skip


@pytest.fixture
def run_by(tmp_path, monkeypatch):
    """``run_by("commands")``: an engine whose workers are this shell script; ended afterwards."""
    engines = []

    def run_by(script):
        program = tmp_path / "worker"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setattr(local.sys, "executable", str(program))
        engines.append(LocalEngine([{}]))
        return engines[-1]

    yield run_by
    for engine in engines:
        engine.close()


def events_of(engine, request=REQUEST, seconds=60):
    """Start an attempt, and return its events up to the last one."""
    engine.start(request)
    found, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        found += engine.wait(0.1)
        if found and isinstance(found[-1], events.Lost | events.Ended | events.Refused):
            return found
    raise AssertionError(found)


def test_how_a_worker_ended_is_reported(run_by):
    [lost] = events_of(run_by("read line; echo 'no memory' >&2; exec >&-; sleep 0.2; exit 3"))

    assert lost == events.Lost(attempt="a1", why="its worker ended with exit status 3: no memory")


def test_what_is_not_a_message_ends_the_worker(run_by):
    [lost] = events_of(run_by("read line; echo nonsense; exec sleep 60"))

    assert lost.why.startswith("its worker ended with signal 9")


def test_a_silent_worker_is_given_up(run_by, monkeypatch):
    monkeypatch.setattr(local, "SILENCE", 0.3)

    [lost] = events_of(run_by("read line; exec sleep 60"))

    assert lost.why == "its worker was silent for 0.3 s"


def test_a_worker_that_does_not_read_stops_nobody(run_by, monkeypatch):
    monkeypatch.setattr(local, "SILENCE", 0.3)

    [lost] = events_of(run_by("exec sleep 60"), replace(REQUEST, bundle=bytes(1 << 20)))

    assert lost.why == "its worker was silent for 0.3 s"


def test_a_long_request_arrives_whole(run_by, tmp_path):
    request = replace(REQUEST, bundle=bytes(3 << 20))
    said = '{"kind": "refused", "attempt": "a1", "text": "done", "help": ""}'

    events_of(run_by(f"sleep 0.3; head -n 1 > {tmp_path}/sent; echo '{said}'"), request)

    assert (tmp_path / "sent").read_bytes() == request.line()


def test_a_worker_is_given_up_for_a_reason(run_by):
    engine = run_by("read line; exec sleep 60")
    engine.start(REQUEST)
    [worker] = engine._workers.values()

    engine.give_up("another", "it is not there")
    engine.give_up("a1", "it hangs")

    assert engine.wait(60) == [events.Lost(attempt="a1", why="it hangs")]
    assert worker.process.returncode == -9


def test_signs_of_life_keep_a_worker(run_by, monkeypatch):
    monkeypatch.setattr(local, "SILENCE", 3.0)
    beat = '{"kind": "beat", "attempt": ""}'
    said = '{"kind": "refused", "attempt": "a1", "text": "done", "help": ""}'

    found = events_of(
        run_by(f"read line; for i in 1 2 3 4; do echo '{beat}'; sleep 1; done; echo '{said}'")
    )

    assert [one.kind for one in found] == ["refused"]


def test_a_refusal_before_the_first_request_is_that_of_the_attempt(run_by):
    said = '{"kind": "refused", "attempt": "", "text": "no cache", "help": "make one"}'

    [refused] = events_of(run_by(f"echo '{said}'; read line"))

    assert (refused.attempt, refused.text) == ("a1", "no cache")


def test_a_worker_that_cannot_be_started_is_an_error(monkeypatch):
    monkeypatch.setattr(local.sys, "executable", "/gone/python")
    engine = LocalEngine([{}])

    with pytest.raises(OuroError, match="a worker cannot be started: No such file"):
        engine.start(REQUEST)
    engine.close()


def test_a_worker_that_does_not_end_is_killed(run_by, monkeypatch, tmp_path):
    monkeypatch.setattr(local, "GRACE", 0.2)
    ready = tmp_path / "ready"
    engine = run_by(f"trap '' TERM; read line; : > {ready}; while :; do sleep 0.1; done")
    engine.start(REQUEST)
    while not ready.exists():
        time.sleep(0.02)
    [worker] = engine._workers.values()

    engine.close()

    assert worker.process.returncode == -9


@pytest.mark.parametrize(
    ("visible", "places", "made"),
    [
        ("0,1", 0, ["0", "1"]),
        ("1", 0, [None]),
        ("0,1", 1, [None]),
        ("0,1", 3, ["0", "1", "0"]),
        ("GPU-a,GPU-b", 2, ["GPU-a", "GPU-b"]),
    ],
)
def test_each_place_has_a_card(monkeypatch, visible, places, made):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    engine = make_local_engine("cuda", 1, places)

    assert [place.get("CUDA_VISIBLE_DEVICES") for place in engine._places] == made


@pytest.mark.parametrize(
    ("models", "made"), [("AAA", ["0", "1", "2"]), ("ABA", ["0", "2"]), ("BAA", ["0"])]
)
def test_without_the_variable_every_card_of_the_first_one_s_model_is_a_place(
    monkeypatch, models, made
):
    cards = [Card(number, f"GPU-{number}", model) for number, model in enumerate(models)]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("pytest_ouro.experiment.devices.nvml.cards", lambda: cards)

    engine = make_local_engine("cuda", 1, 0)

    assert [place.get("CUDA_VISIBLE_DEVICES") for place in engine._places] == made


@pytest.mark.parametrize(("slots", "places", "made"), [(4, 0, 4), (1, 0, 1), (4, 2, 2)])
def test_on_the_processor_a_place_is_a_slot(slots, places, made):
    assert make_local_engine("cpu", slots, places).capacity == made


def test_workers_get_no_terminal_signals(run_by):
    engine = run_by("read line; exec sleep 60")
    engine.start(REQUEST)
    [worker] = engine._workers.values()

    assert os.getsid(worker.process.pid) == worker.process.pid != os.getsid(0)
