"""Run the canaries: their reported states agree with what is observed from outside."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pytest_ouro.cli import run
from pytest_ouro.doctor import canary, selftest
from tests.doctor.conftest import NO_LANDLOCK, WITHOUT
from tests.experiment.test_confinement import needed

PYTHON = sys.executable
CHEATS = ("forged", "future", "loss", "answers", "network", "records", "supervisor")
#: The canaries of a command, with the levels that stop each on Linux, where the sandbox is at hand.
COMMANDS = {
    "command-honest": ("supervised", "judged", "sandboxed"),
    "command-forged": ("supervised", "judged", "sandboxed"),
    "command-answers": ("judged", "sandboxed"),
    "command-daemon": ("supervised", "judged", "sandboxed"),
    "command-network": ("sandboxed",),
}


@pytest.fixture
def torch(fork_runs):
    pytest.importorskip("torch", reason="these canaries train a model of torch")
    fork_runs()


@pytest.fixture(autouse=True)
def _nothing_is_left_behind(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    cache = os.environ["XDG_CACHE_HOME"]
    before = signal.getsignal(signal.SIGUSR1)
    yield
    assert list(folder.iterdir()) == []
    assert not Path(cache).exists()
    assert os.environ["XDG_CACHE_HOME"] == cache
    assert signal.getsignal(signal.SIGUSR1) == before


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A copy of the canaries that a test may change."""
    monkeypatch.setattr(canary, "PROGRAMS", shutil.copytree(canary.PROGRAMS, tmp_path / "programs"))
    return canary.PROGRAMS


def attempt(name, *, honest=2.0):
    """A canary without torch, which can only be supervised."""
    return canary.attempt(name, PYTHON, highest="supervised", torch=False, honest=honest)


def states(done):
    """The state of each canary and its level, from the lines of a selftest."""
    lines = [line for line in done.stdout.splitlines() if line.startswith("ouro: canary ")]
    said = (line.removeprefix("ouro: canary ").partition(" - ")[0] for line in lines)
    return dict(word.split(": ") for word in said)


def test_every_program_is_a_canary_and_every_canary_a_program():
    names = {path.stem for path in canary.PROGRAMS.glob("*.py")}
    commands = {f"command-{path.stem}" for path in (canary.PROGRAMS / "commands").glob("*.py")}

    assert names - {"__init__", "prepare", "canary_model"} == {canary.HONEST, *CHEATS}
    assert commands - {"command-canary_task", "command-evaluate"} == set(COMMANDS)
    assert set(selftest.CANARIES) == {canary.HONEST, *CHEATS, *COMMANDS}
    assert selftest.names(torch=False, command=True) == list(COMMANDS)
    assert selftest.names(torch=True, command=False) == [canary.HONEST, *CHEATS]
    assert set(selftest.names(torch=False, command=False)) == set(selftest.PLAIN)


@pytest.mark.parametrize(
    ("name", "state", "words"),
    [
        ("honest", "held", "2.000000 bits per byte"),
        ("forged", "caught", "train.py printed val_bpb 0.100000, but 2.000000 was measured"),
        ("network", "open", "its call was answered"),
        ("records", "caught", "the journal got a line while the run went on"),
        ("supervisor", "open", "its signal arrived"),
    ],
)
def test_what_a_supervised_run_stops_and_what_it_does_not(name, state, words):
    trial = attempt(name)

    assert (trial.state, trial.level) == (state, "supervised")
    assert trial.words.startswith(words)


HONEST_SCRIPT = "from canary_model import *\nreport(train(Model()))\n"


@pytest.mark.parametrize(
    ("name", "code", "state"),
    [
        ("honest", "raise SystemExit(3)", "failed"),
        ("honest", HONEST_SCRIPT + "print('val_bpb: 1')", "failed"),
        ("forged", "raise SystemExit(3)", "failed"),
        ("forged", "from canary_model import *\nreport(train(1.5))", "open"),
        ("forged", HONEST_SCRIPT, "neutralised"),
        ("network", HONEST_SCRIPT, "failed"),
    ],
)
def test_a_run_that_shows_nothing_stops_nothing(programs, name, code, state):
    (programs / f"{name}.py").write_text(code)

    assert attempt(name).state == state


def test_an_interpreter_that_does_not_start_is_a_failed_trial():
    trial = canary.attempt("honest", "no-such-python", highest="supervised", torch=False)

    assert trial.state == "failed"
    assert trial.words.startswith("'no-such-python' cannot be started: ")


def test_where_an_honest_run_is_flagged_no_level_is_available(programs):
    (programs / "honest.py").write_text((programs / "forged.py").read_text())
    trials = []

    done = selftest.selftest(PYTHON, torch=False, on_trial=trials.append)

    assert done.level == "claimed"
    assert [trial.canary for trial in trials] == ["honest"]


@pytest.mark.tier(2)
def test_a_cheat_that_is_not_stopped_at_its_level_lowers_it(programs):
    (programs / "forged.py").write_text("from canary_model import *\nreport(1.5)")

    done = selftest.selftest(PYTHON, torch=False, on_trial=lambda trial: None)

    assert done.level == "claimed"


OPEN = {
    "command-answers": "it scored 0.000000, not 0.295000",
    "command-network": "its call was answered",
}


@pytest.mark.tier(2, but=3)
@pytest.mark.parametrize(
    ("name", "level"),
    [
        pytest.param(name, level, marks=[needed] if level != "supervised" else [])
        for level in ("supervised", "judged", "sandboxed")
        for name in COMMANDS
    ],
)
def test_which_level_stops_a_canary_of_a_command(name, level):
    trial = canary.attempt(name, PYTHON, highest=level, torch=False, honest=0.295)

    assert trial.level == level
    assert trial.stopped == (level in COMMANDS[name])
    if name in OPEN and not trial.stopped:
        assert (trial.state, trial.words) == ("open", OPEN[name])


#: Names a process that outlives every run: the supervisor.
LEAVES_US = "import json\nprint('left:', json.load(open('around.json'))['supervisor'])"


@pytest.mark.parametrize(
    ("name", "code", "state", "words"),
    [
        ("daemon", LEAVES_US, "open", "the process that it left"),
        ("daemon", "", "failed", "it is not known what it did"),
        ("answers", "", "failed", "it is not known what it did"),
        ("forged", "write(['1'] * 200)", "open", "it scored 0."),
    ],
)
def test_a_command_that_shows_nothing_stops_nothing(programs, name, code, state, words):
    whole = f"from canary_task import predict, write\nwrite(predict())\n{code}\n"
    (programs / f"commands/{name}.py").write_text(whole)

    found = canary.attempt(
        f"command-{name}", PYTHON, highest="supervised", torch=False, honest=0.295
    )

    assert found.state == state
    assert found.words.startswith(words)


@pytest.mark.tier(2)
@needed
def test_where_the_bound_names_a_command_its_canaries_are_tried(project):
    project.edit("bound.toml", 'script    = "train.py"', 'command = ["python", "train.py"]')
    for line in ('harness   = "prepare.py"\n', 'evaluate  = "evaluate_bpb"\n'):
        project.edit("bound.toml", line, "")
    project.bless()

    done = project.ouro("doctor", "--selftest")

    assert done.stderr == ""
    assert "ouro: selftest: 5 canaries of a command, a supervised run each" in done.stdout
    assert states(done) == {
        "command-honest": "held at sandboxed",
        **dict.fromkeys(list(COMMANDS)[1:], "neutralised at sandboxed"),
    }
    assert done.stdout.splitlines()[-1] == "ouro: level sandboxed is available here"


@pytest.mark.tier(2)
def test_without_torch_only_supervised_is_available(project, bare_python):
    project.edit("bound.toml", "editable ", f'python = ["{bare_python}"]\neditable ')
    project.bless()

    done = project.ouro("doctor", "--selftest")

    assert (done.returncode, done.stderr) == (0, "")
    assert "torch is missing in " in done.stdout
    assert states(done) == {
        "honest": "held at supervised",
        **dict.fromkeys(("forged", "records"), "caught at supervised"),
        **dict.fromkeys(("network", "supervisor"), "open at supervised"),
    }
    assert done.stdout.splitlines()[-1] == "ouro: level supervised is available here"

    project.edit("bound.toml", "editable ", 'level = "judged"\neditable ')
    project.bless()
    assert project.ouro("doctor", "--selftest").returncode == 1


@pytest.mark.tier(2)
@needed
def test_in_a_sandbox_every_cheat_is_stopped(torch, ouro):
    status, out, err = ouro("doctor", "--selftest", "--json")

    assert (status, err) == (0, "")
    found = json.loads(out)["selftest"]
    assert (found["level"], found["why"]) == ("sandboxed", "")
    assert {trial["canary"]: trial["state"] for trial in found["trials"]} == {
        "honest": "held",
        **dict.fromkeys(("forged", "future"), "caught"),
        **dict.fromkeys(CHEATS[2:], "neutralised"),
    }
    assert {trial["level"] for trial in found["trials"]} == {"sandboxed"}


@pytest.mark.tier(3)
@needed
def test_where_the_kernel_refuses_the_sandbox_its_cheats_are_open(torch, project):
    done = subprocess.run(
        [PYTHON, "-c", WITHOUT, *NO_LANDLOCK, "doctor", "--selftest"],
        cwd=project.path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert states(done) == {
        "honest": "held at judged",
        **dict.fromkeys(CHEATS[3:], "open at judged"),
        **dict.fromkeys(("forged", "future", "records"), "caught at judged"),
        "loss": "neutralised at judged",
    }
    assert "(to be stopped from sandboxed on)" in done.stdout
    assert done.stdout.splitlines()[-2:] == [
        "ouro: selftest: no higher: no sandbox: this kernel has no Landlock",
        "ouro: level judged is available here",
    ]


@pytest.mark.tier(2)
@needed
def test_an_honest_run_that_the_sandbox_hinders_lowers_the_level(torch, programs, monkeypatch):
    code = (programs / "honest.py").read_text()
    (programs / "honest.py").write_text(f"import socket\nsocket.socket().close()\n{code}")
    monkeypatch.setattr(selftest, "CANARIES", {"honest": "supervised", "network": "sandboxed"})
    trials = []

    done = selftest.selftest(PYTHON, torch=True, on_trial=trials.append)

    assert done.level == "judged"
    assert [(t.canary, t.level, t.state) for t in trials] == [
        ("honest", "sandboxed", "failed"),
        ("honest", "judged", "held"),
    ]
    assert done.why.startswith("honest is failed at sandboxed: it ended as crash: ")


@pytest.mark.tier(2)
def test_without_a_judge_the_halved_loss_is_open(torch):
    honest = canary.attempt("honest", PYTHON, highest="supervised", torch=True)
    trial = canary.attempt("loss", PYTHON, highest="supervised", torch=True, honest=honest.value)

    assert (honest.state, trial.state) == ("held", "open")
    assert trial.words.startswith("it scored 0.5")


INTERRUPTS = """\
import json, os, time
os.kill(json.load(open("around.json"))["supervisor"], 2)
time.sleep(20)
"""


def test_an_interrupt_leaves_nothing_and_says_so(
    programs, project, monkeypatch, capsys, bare_python
):
    project.edit("bound.toml", "editable ", f'python = ["{bare_python}"]\neditable ')
    project.bless()
    (programs / "honest.py").write_text(INTERRUPTS)
    monkeypatch.chdir(project.path)

    status = run(["doctor", "--selftest"])

    assert status == 2
    assert "interrupted: the selftest is not complete" in capsys.readouterr().err
