"""``--ouro-trackio``: runs are passed on live, and whatever the library does, no run fails."""

import json
import sys
from importlib.util import find_spec

import pytest

#: A library with the calls of trackio and wandb, which writes them to a file; {fault} may break it.
STAND_IN = """\
import json, os

def note(*call):
    with open(os.environ["CALLS"], "a") as file:
        file.write(json.dumps(call) + "\\n")

def init(project, name, config):
    note("init", project, name, config)
    print("noise of the library" * 10_000)
    {init}

def log(values):
    note("log", values)
    {log}

def finish():
    note("finish")

{top}
"""


@pytest.fixture
def library(monkeypatch, tmp_path):
    """``library(name, init=…)``: let this be what is imported; return a function for its calls."""

    def make(name="trackio", init="pass", log="pass", top=""):
        folder = tmp_path / "library"
        folder.mkdir()
        (folder / f"{name}.py").write_text(STAND_IN.format(init=init, log=log, top=top))
        monkeypatch.setenv("PYTHONPATH", str(folder))
        monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
        monkeypatch.setattr("pytest_ouro.items.tracking._PYTHON", (sys.executable, "-P"))
        calls = tmp_path / "calls"
        return lambda: [json.loads(line) for line in calls.read_text().splitlines()]

    return make


@pytest.fixture
def track(lab, run_pytest, tmp_path):
    """``track("night")``: run the experiment with ``--ouro-trackio night``. The script waits until
    the stand-in for the library is given numbers; for a moment, unless it ``waits``."""

    def track(target, *, waits=True):
        until = f"""
import os, time
calls = {str(tmp_path / "calls")!r}
while not (os.path.exists(calls) and "log" in open(calls).read()): time.sleep(0.01)
"""
        before = until if waits else "import time; time.sleep(0.6)"
        lab.commit(lab.script(2.0, before=before))
        return run_pytest("--ouro-experiment", "--ouro-trackio", target)

    return track


def find_warnings(done):
    return [line for line in done.stdout.str().splitlines() if "ouro: warning" in line]


def test_a_run_is_passed_on_while_it_goes_on(lab, library, track):
    calls = library()
    done = track("night")

    (record,) = lab.journal.runs()
    first, *logs, last, end = calls()
    name = f"{record.commit[:7]}-{record.run}"
    assert first[:3] == ["init", "night", name]
    assert first[3]["commit"] == record.commit
    assert logs
    assert logs[0][1].keys() >= {"seconds", "trained"}
    assert last[1]["val_bpb"] == 2.0
    assert last[1]["kept"] == 1.0
    assert end == ["finish"]
    assert find_warnings(done) == []
    assert done.ret == 0
    lab.clean()


@pytest.mark.tier(2)
def test_wandb_has_the_same_calls(library, track):
    calls = library("wandb")
    track("wandb:night")

    assert calls()[0][:2] == ["init", "night"]


@pytest.mark.tier(2)
@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"top": "raise OSError('no disk')"}, "OSError: no disk"),
        ({"init": "raise RuntimeError('no key')"}, "RuntimeError: no key"),
        ({"log": "raise SystemExit('gone')"}, "gone"),
        ({"log": "os._exit(3)"}, ""),
        ({"log": "os.kill(os.getpid(), 9)"}, ""),
    ],
)
def test_a_failure_of_the_library_is_one_line_and_fails_no_run(lab, library, track, fault, why):
    library(**fault)
    done = track("night", waits="log" in fault)

    assert done.ret == 0
    assert [run.reason.value for run in lab.journal.runs()] == ["baseline"]
    (line,) = find_warnings(done)
    assert line.startswith("ouro: warning: trackio is left out: ")
    assert why in line
    lab.clean()


@pytest.mark.tier(2)
def test_a_library_that_hangs_fails_no_run(lab, library, track, monkeypatch):
    monkeypatch.setattr("pytest_ouro.items.tracking._END", 0.5)
    library(log="import time; time.sleep(600)")
    done = track("night")

    assert done.ret == 0
    assert "trackio is left out: it did not end in time" in find_warnings(done)[0]


@pytest.mark.tier(2)
def test_a_library_that_is_missing_is_named_with_the_extra(lab, track, monkeypatch):
    monkeypatch.setattr("pytest_ouro.items.tracking._PYTHON", (sys.executable, "-I", "-S"))
    done = track("night", waits=False)

    assert done.ret == 0
    assert "No module named 'trackio': pip install 'pytest-ouro[trackio]'" in find_warnings(done)[0]


@pytest.mark.tier(2)
def test_a_process_that_cannot_be_started_fails_no_run(lab, track, monkeypatch):
    def refuse(*args, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pytest_ouro.items.tracking.tempfile.TemporaryFile", refuse)
    done = track("night", waits=False)

    assert done.ret == 0
    assert find_warnings(done) == ["ouro: warning: trackio is left out: No space left on device"]


@pytest.mark.tier(2)
def test_a_module_of_the_repository_is_not_imported(lab, track):
    lab.project.write({"trackio.py": "open('imported', 'w')", ".gitignore": "trackio.py\n*.log\n"})
    lab.project.git("add", ".gitignore")
    track("night", waits=False)

    assert not (lab.path / "imported").exists()


@pytest.mark.parametrize("target", ["", ":", "wandb:", "mlflow:night"])
def test_a_target_without_a_project_is_refused(run_pytest, target):
    done = run_pytest("--ouro-experiment", "--ouro-trackio", target)

    assert done.ret == 4
    done.stderr.fnmatch_lines(["*--ouro-trackio must be PROJECT or wandb:PROJECT*"])


@pytest.mark.tier(3)
@pytest.mark.skipif(find_spec("trackio") is None, reason="needs trackio")
def test_trackio_itself_has_the_numbers(lab, track, monkeypatch, tmp_path):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    done = track("night", waits=False)

    assert find_warnings(done) == []
    assert done.ret == 0
    from trackio import Api

    (record,) = lab.journal.runs()
    (run,) = Api().runs("night")
    assert run.name.endswith(record.run)
