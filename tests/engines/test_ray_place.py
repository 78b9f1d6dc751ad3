"""The actor of a place, without Ray: what it keeps, and how it ends."""

import subprocess
import sys
import tempfile
import textwrap
import time

import pytest

from pytest_ouro.experiment.engines import events
from pytest_ouro.experiment.engines.on_ray import place as places
from pytest_ouro.experiment.engines.on_ray.place import Place

BASE = b"the history"
REQUEST = events.Request(
    attempt="a1", commit="c" * 40, head="c" * 40, trust="c" * 40, named=True, bound="bound.toml",
    base="/elsewhere/base.bundle", base_digest="0" * 64, bundle=b"", digest="0" * 64, version="0",
    venv="/gone/.venv", hidden=("/gone", "/tmp"),
)  # fmt: skip


@pytest.fixture
def place_of(tmp_path):
    """``place_of("commands")``: a place whose worker is this shell script; ended afterwards."""
    made = []

    def place_of(script):
        program = tmp_path / "worker"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        made.append(Place((str(program),)))
        return made[-1]

    yield place_of
    for one in made:
        one.end()


def messages_of(place, number=0):
    """The messages of an attempt after this number, up to its last one."""
    found, deadline = [], time.monotonic() + 60
    while time.monotonic() < deadline:
        arrived = place.poll(number, 0.2)
        found += [events.read(line) for _, line in arrived]
        number = arrived[-1][0] if arrived else number
        if found and isinstance(found[-1], events.Lost | events.Ended | events.Refused):
            return found
    raise AssertionError(found)


def test_a_request_fits_the_node(place_of, tmp_path):
    place = place_of(f'read line; echo "$line" > {tmp_path}/got; exec sleep 60')

    place.take(REQUEST.line(), BASE)
    while not (tmp_path / "got").exists() or not (tmp_path / "got").read_text():
        time.sleep(0.02)
    got = events.read((tmp_path / "got").read_bytes())

    assert got.venv == ""
    assert got.hidden == ("/tmp",)
    assert places.Path(got.base).read_bytes() == BASE


def test_what_has_not_arrived_is_sent_again(place_of):
    said = '{"kind": "said", "attempt": "a1", "text": "one"}'
    place = place_of(f"read line; echo '{said}'; exec sleep 60")
    place.take(REQUEST.line(), BASE)

    first = place.poll(0, 60)

    assert place.poll(0, 0) == first
    assert place.poll(first[-1][0], 0) == []


def test_how_a_worker_ended_is_its_last_message(place_of):
    place = place_of("read line; echo 'no memory' >&2; exit 3")
    place.take(REQUEST.line(), BASE)

    [lost] = messages_of(place)

    assert lost == events.Lost(attempt="a1", why="its worker ended with exit status 3: no memory")


def test_a_place_whose_worker_was_lost_takes_another_attempt(place_of):
    place = place_of("read line; exit 3")
    place.take(REQUEST.line(), BASE)
    [lost] = messages_of(place)

    place.take(REQUEST.line().replace(b'"a1"', b'"a2"'), BASE)

    assert messages_of(place, 1)[-1].attempt == "a2"
    assert lost.attempt == "a1"


def test_a_worker_that_refuses_at_once_refuses_the_attempt(place_of):
    said = '{"kind": "refused", "attempt": "", "text": "no cache", "help": "make one"}'
    place = place_of(f"echo '{said}'; read line; exec sleep 60")
    place.take(REQUEST.line(), BASE)

    [refused] = messages_of(place)

    assert (refused.attempt, refused.text) == ("a1", "no cache")


def test_a_message_of_another_attempt_is_dropped(place_of):
    other = '{"kind": "said", "attempt": "a0", "text": "old"}'
    mine = '{"kind": "refused", "attempt": "a1", "text": "new", "help": ""}'
    place = place_of(f"read line; echo '{other}'; echo '{mine}'; exec sleep 60")
    place.take(REQUEST.line(), BASE)

    assert [one.kind for one in messages_of(place)] == ["refused"]


def test_positions_that_follow_each_other_fast_are_left_out(place_of):
    position = events.Progressed(attempt="a1", window=1.0, budget=2.0, wall=1.0)
    shown = f"echo '{position.line().decode().strip()}'"
    mine = '{"kind": "refused", "attempt": "a1", "text": "end", "help": ""}'
    place = place_of(f"read line; {shown}; {shown}; {shown}; echo '{mine}'; exec sleep 60")
    place.take(REQUEST.line(), BASE)

    assert [one.kind for one in messages_of(place)] == ["progressed", "refused"]


def test_a_worker_that_cannot_be_started_refuses_the_attempt():
    place = Place(("/gone/worker",))
    place.take(REQUEST.line(), BASE)

    [refused] = messages_of(place)
    place.end()

    assert refused.text == "a worker cannot be started: No such file or directory"


def test_a_full_disk_refuses_the_attempt(place_of, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    place = place_of("read line; exec sleep 60")
    monkeypatch.setattr(places.Path, "write_bytes", full)
    place.take(REQUEST.line(), BASE)

    [refused] = messages_of(place)

    folder = tempfile.gettempdir()
    assert refused.text == (
        f"the worker cannot store a bundle of 0 kB in {folder}: No space left on device"
    )
    assert refused.help == f"see whether its disk is full: df -h {folder}"


def test_an_end_leaves_no_process_and_no_file(place_of, monkeypatch, tmp_path):
    monkeypatch.setattr(places, "GRACE", 0.2)
    place = place_of(f"trap '' TERM; read line; : > {tmp_path}/up; while :; do sleep 0.1; done")
    place.take(REQUEST.line(), BASE)
    while not (tmp_path / "up").exists():
        time.sleep(0.02)
    worker, folder = place._worker, places.Path(place._base[1].name)

    place.end()

    assert worker.process.wait(timeout=30) == -9
    assert not folder.exists()


def test_a_place_that_nobody_asks_ends_itself_and_its_worker(tmp_path):
    code = f"""
        import time
        from pytest_ouro.experiment.engines.on_ray import place
        from tests.engines.test_ray_place import BASE, REQUEST
        place.LEASE = 0.5
        one = place.Place(({str(tmp_path / "worker")!r},))
        one.take(REQUEST.line(), BASE)
        time.sleep(300)
    """
    worker = tmp_path / "worker"
    worker.write_text(f"#!/bin/sh\nread line; trap 'exit 0' TERM; echo $$ > {tmp_path}/pid\n"
                      "while :; do sleep 0.1; done\n")  # fmt: skip
    worker.chmod(0o755)

    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False, timeout=120)

    assert done.returncode == 1
    pid = (tmp_path / "pid").read_text().strip()
    assert not places.Path(f"/proc/{pid}").exists()
