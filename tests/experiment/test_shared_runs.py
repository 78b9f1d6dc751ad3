"""Runs of several clones that share one journal."""

import contextlib
import os
from pathlib import Path

import pytest

from pytest_ouro.core.errors import OuroError
from pytest_ouro.doctor.rules import examine_rules
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.records.record_format import from_json
from pytest_ouro.evidence.shared.join import join
from pytest_ouro.evidence.shared.named import find_named
from pytest_ouro.evidence.shared.place import find_place
from pytest_ouro.experiment.batch.candidates import find_candidates
from pytest_ouro.experiment.devices import device_lock
from pytest_ouro.experiment.engines import worker
from pytest_ouro.experiment.records import sharing
from pytest_ouro.experiment.supervision import processes
from tests.experiment.conftest import Lab


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder that the user names for shared records."""
    made = tmp_path / "records"
    made.mkdir()
    monkeypatch.setenv("OURO_RECORDS", str(made))
    return made


@pytest.fixture
def other(lab, tmp_path):
    """A clone of the lab's project, made before anything is run."""
    made = type(lab.project)(tmp_path / "other")
    lab.project.git("clone", "-q", str(lab.path), str(made.path))
    made.identify()
    return Lab(made)


def place_of(lab):
    return find_place(Git.discover(lab.path))


@pytest.mark.tier(2)
def test_code_that_one_clone_measured_is_answered_for_in_another(folder, lab, other):
    first = lab.run(lab.script(2.0)).record
    better = lab.run(lab.script(1.5)).record
    assert (first.reason, better.reason) == ("baseline", "improved")
    said = []

    seen = other.run(other.script(2.0, after="# in other words"), say=said.append)

    assert seen.record.measured_by == first.run
    assert place_of(other).lacks(first.commit), "it is compared all the same"
    assert f"commit {first.commit[:7]}" in said[0]
    place = place_of(other)
    assert seen.notes[-1] == (
        f"ouro: another clone kept {better.commit[:7]} val_bpb=1.500000, which this clone lacks: "
        f"git fetch {place.top} {better.tried}"
    )
    assert (len(lab.rows), len(other.rows)) == (2, 1)
    assert [run.worktree for run in place.journal.runs()] == [
        *[place_of(lab).worktree] * 2,
        place.worktree,
    ]

    other.project.git("fetch", "-q", str(place.top), better.tried)
    other.project.git("reset", "-q", "--hard", "FETCH_HEAD")
    assert other.run(other.script(1.4)).record.best_commit == better.commit
    assert [line for line in seen.notes if "lacks" in line]
    assert place.journal.fault() is None


@pytest.mark.tier(2)
@pytest.mark.parametrize(
    "action", ["open('ouro/journal.jsonl', 'a').write('x\\n')", "os.remove('refs/ouro/tried/1')"]
)
def test_a_script_that_writes_shared_records_is_a_breach(folder, lab, action):
    lab.run(lab.script(2.0))
    place = place_of(lab)
    before, there = place.journal.lines(), f"import os\nos.chdir({str(place.common_dir)!r})"

    seen = lab.run(lab.script(1.0, before=f"{there}\n{action}"))

    assert (seen.status, seen.reason) == ("crash", "breach")
    assert "put back" in seen.message
    assert place.journal.lines()[: len(before)] == before
    assert place.journal.fault() is None


def test_clones_with_other_caches_wait_for_one_device(folder, tmp_path, monkeypatch):
    with device_lock.hold_devices(["cpu", "tree-1"], print):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        with contextlib.ExitStack() as stack:
            assert not device_lock.try_devices(["cpu"], stack)
            assert device_lock.try_devices(["tree-1"], stack), "one clone alone has a working tree"
        assert device_lock.holder_of(["cpu"]).startswith("process ")
        monkeypatch.setenv("OURO_RECORDS", "clone")
        with contextlib.ExitStack() as stack:
            assert device_lock.try_devices(["cpu"], stack)


def test_a_worker_keeps_its_records_apart_and_locks_with_the_clones(folder, monkeypatch):
    monkeypatch.setattr(device_lock, "ALSO", [])
    worker._keep_own_records()
    worker._keep_own_records()

    assert find_named() is None
    assert device_lock.lock_folders("cpu")[1:] == [folder / "locks"]


def test_a_candidate_of_another_clone_is_fetched_by_the_help(folder, lab, other):
    join(place_of(lab))
    join(place_of(other))
    commit = lab.commit("MODEL = 1.5\n")
    case = open_case(lab.path / "bound.toml")
    sharing.keep_commit(case, "refs/ouro/tried/7", commit)
    case.close()

    with pytest.raises(OuroError) as refused:
        find_candidates(place_of(other), [commit[:10]])

    assert "another clone tried this commit, and this one lacks it" in refused.value.message
    command = refused.value.help.removeprefix("fetch it first: ")
    assert command == f"git fetch {place_of(other).top} refs/ouro/tried/7"
    other.project.git(*command.split()[1:])
    assert find_candidates(place_of(other), [commit]).candidates[0].commit == commit


def test_a_clone_does_not_join_while_a_run_of_its_own_goes_on(lab, folder, monkeypatch):
    monkeypatch.delenv("OURO_RECORDS")
    pid = os.getpid()
    facts = {"run": "a" * 12, "commit": lab.project.git("rev-parse", "HEAD"), "pid": pid}
    time = "2025-01-01T00:00:00+00:00"
    known = {"event": "started", "time": time, "process": processes.identity(pid), **facts}
    lab.journal.append(from_json(known))
    monkeypatch.setenv("OURO_RECORDS", str(folder))

    with pytest.raises(OuroError, match=rf"a run of this clone goes on .*process {pid}"):
        sharing.join_case(open_case(lab.path / "bound.toml"))
    assert [*folder.iterdir()] == []


@pytest.mark.parametrize("named", [True, False])
def test_the_doctor_shows_the_place_in_use(folder, lab, named, monkeypatch):
    if not named:
        monkeypatch.delenv("OURO_RECORDS")
    case = open_case(lab.path / "bound.toml")
    items = {item.topic: item for item in examine_rules(case, lab.path / "bound.toml")}

    top = case.evidence.place.top
    words = f"of this clone alone, in {top}/.git/ouro"
    if named:
        words = (
            f"shared by 0 clones in {top}, named by OURO_RECORDS; this one joins by its first run"
        )
    assert (items["records"].state, items["records"].words) == ("ok", words)
    assert "journal" in items


def test_the_doctor_says_why_no_place_can_be_used(folder, lab):
    folder.rmdir()
    case = open_case(lab.path / "bound.toml")
    items = {item.topic: item for item in examine_rules(case, lab.path / "bound.toml")}

    assert items["records"].state == "fails"
    assert items["records"].next == (f"mount its disk; or make a new one: mkdir -m 700 {folder}")
    assert "journal" not in items


def test_a_conftest_cannot_name_the_folder(project, run_pytest, folder):
    project.write({"conftest.py": f"import os\nos.environ['OURO_RECORDS'] = '{Path('/x')}'\n"})
    done = run_pytest("bound.toml")

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*OURO_RECORDS was changed after pytest started*"])
