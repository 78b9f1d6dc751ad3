"""The file by which others watch a run: a view, private, gone at the end, never believed."""

import json
import os
import stat

import pytest

from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.experiment.records.heartbeat import FOLDER, Beating, read_heartbeats
from pytest_ouro.experiment.supervision import processes
from pytest_ouro.experiment.terms.job import Position
from tests.evidence.test_states import run

A = "a" * 40


def live(**facts):
    """A started run of this process."""
    pid = os.getpid()
    return run(A, pid=pid, process=processes.identity(pid), budget=20.0, **facts)


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path)


def test_it_is_written_read_and_removed(journal, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("pytest_ouro.experiment.records.heartbeat.time.monotonic", lambda: clock[0])
    with Beating(journal, live(description="an idea"), None) as beating:
        (beat,) = read_heartbeats(journal)
        assert (beat.phase, beat.commit, beat.description) == ("starting", A, "an idea")
        clock[0] += 1.5
        beating.show(Position(8.0, 20.0, 9.0, "step 1"))
        (beat,) = read_heartbeats(journal)
        assert (beat.phase, beat.fraction, beat.text) == ("running", 0.4, "step 1")
        clock[0] += 0.5
        beating.show(Position(8.5, 20.0, 9.5))
        assert read_heartbeats(journal) == [beat]  # too soon
        clock[0] += 1.0
        beating.show(Position(9.0, 20.0, 10.0, ended=True))
        assert read_heartbeats(journal)[0].phase == "evaluating"
    assert read_heartbeats(journal) == []
    assert list((journal.folder / FOLDER).iterdir()) == []


def test_it_is_private_and_passes_the_position_on(journal):
    seen = []
    with Beating(journal, live(), seen.append) as beating:
        beating.show(Position(None, 20.0, 1.0))
        (file,) = (journal.folder / FOLDER).iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [(one.window, one.wall) for one in seen] == [(None, 1.0)]
    assert seen[0].run is not None


def test_parallel_runs_do_not_collide(journal):
    with Beating(journal, live(), None), Beating(journal, live(), None):
        assert len(read_heartbeats(journal)) == 2


def test_a_placebo_has_none(journal):
    with Beating(journal, live(purpose="placebo"), None) as beating:
        beating.show(Position(1.0, 20.0, 1.0))
        beating.evaluate()
        assert not (journal.folder / FOLDER).exists()


def test_that_of_a_killed_supervisor_is_ignored_and_removed_by_the_next(journal):
    with Beating(journal, live(), None):
        (file,) = (journal.folder / FOLDER).iterdir()
        beat = json.loads(file.read_text())
    dead = file.with_name("0123456789ab.json")
    dead.write_text(json.dumps({**beat, "run": "0123456789ab", "process": "1-2"}))
    assert read_heartbeats(journal) == []
    with Beating(journal, live(), None):
        assert not dead.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"pid": "1"},
        {"pid": -1},
        {"pid": True},
        {"window": "1"},
        {"window": 1e300},
        {"budget": None},
        {"commit": "../x"},
        {"run": "ffffffffffff"},
        {"phase": "done"},
        {"more": 1},
    ],
)
def test_what_is_not_ours_is_ignored(journal, change):
    with Beating(journal, live(), None):
        (file,) = (journal.folder / FOLDER).iterdir()
        file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
        assert read_heartbeats(journal) == []


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 5000, "x" * 20000, '{"run": NaN}'])
def test_another_file_is_ignored(journal, text):
    with Beating(journal, live(), None):
        (file,) = (journal.folder / FOLDER).iterdir()
        file.write_text(text)
        assert read_heartbeats(journal) == []


def test_a_link_in_its_place_is_neither_followed_nor_read(journal, tmp_path):
    other = tmp_path / "other"
    other.write_text("mine")
    journal.folder.mkdir()
    (journal.folder / FOLDER).symlink_to(tmp_path)
    (tmp_path / "0123456789ab.json").write_text("mine too")
    with Beating(journal, live(), None) as beating:
        beating.evaluate()
        assert read_heartbeats(journal) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("0123456789ab.json", "other", "ouro")
    ]
    assert other.read_text() == "mine"


def test_a_full_disk_does_not_end_a_run(journal, monkeypatch):
    def full(*args, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pytest_ouro.experiment.records.heartbeat.write_whole", full)
    with Beating(journal, live(), None) as beating:
        beating.show(Position(1.0, 20.0, 1.0))
    assert read_heartbeats(journal) == []


def test_a_run_has_one_while_it_goes_on(lab, tmp_path):
    seen, mark = [], tmp_path / "seen"

    def look(position):
        seen.extend(read_heartbeats(lab.journal))
        mark.touch()

    waits = f"import os, time\nwhile not os.path.exists({str(mark)!r}): time.sleep(0.01)"
    result = lab.run(lab.script(before=waits), progress=look)

    assert result.record is not None
    assert {beat.run for beat in seen} == {result.record.run}
    assert seen[0].phase == "starting"
    assert read_heartbeats(lab.journal) == []
    lab.whole("baseline")
