"""What the doctor finds of Python, device, data, judge and sandbox."""

import os
import subprocess
import sys

import pytest

from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.doctor import machine
from pytest_ouro.doctor.machine import Machine, query
from pytest_ouro.engine import open_case
from pytest_ouro.experiment.devices import device
from pytest_ouro.experiment.devices.device_lock import hold_devices
from tests.doctor.conftest import NO_LANDLOCK, WITHOUT, Told
from tests.experiment.nvml_stand_in import build, install
from tests.experiment.test_confinement import needed


def test_a_level_that_is_demanded_and_not_to_be_had_fails(doctor, bound):
    bound('level = "judged"')

    told = doctor()

    assert (told.status, told.state["level"]) == (1, "fails")
    assert told.words["level"].endswith("the bound demands judged: no run can be kept here")
    assert told.next["level"] == told.next["judge"]


JUDGED = "def get_token_bytes(device):\n    return 0\n\n\nclass Tokenizer:\n    pass\n\n\n"


@needed
def test_the_level_rises_with_what_the_bound_and_the_harness_have(doctor, project, bound):
    text = (project.path / "prepare.py").read_text()
    project.write({"prepare.py": text.replace("def make", f"{JUDGED}def make"), "val.bin": "x"})
    project.bless()
    told = doctor()
    assert told.state["judge"] == "ok"
    assert told.words["level"].startswith("judged (no sandbox: the bound names no 'validation'")
    assert "names no 'validation' files" in told.words["sandbox"]

    bound('validation = ["val.bin"]')
    told = doctor()
    assert (told.state["sandbox"], told.state["level"]) == ("ok", "ok")
    assert told.words["level"].startswith("sandboxed; ")

    bound('highest = "judged"')
    told = doctor()
    assert (told.state["sandbox"], told.state["level"]) == ("weak", "weak")
    assert told.words["level"].startswith('judged (the bound says highest = "judged")')


@needed
def test_a_kernel_that_refuses_the_sandbox_is_told(project):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *NO_LANDLOCK, "doctor"],
        cwd=project.path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = Told(done)

    assert (told.status, told.state["sandbox"]) == (0, "weak")
    assert told.words["sandbox"] == "none: this kernel has no Landlock"


def test_a_harness_without_its_torch_fails(doctor, project, bare_python):
    text = (project.path / "prepare.py").read_text()
    project.write({"prepare.py": text.replace("def make", f"{JUDGED}def make") + "import torch\n"})
    project.edit("bound.toml", "editable ", f'python = ["{bare_python}"]\neditable ')
    project.bless()

    told = doctor()

    assert (told.status, told.state["python"]) == (1, "fails")
    assert told.words["python"].endswith("torch is missing, and prepare.py imports it")
    assert told.next["python"] == f"{bare_python} -m pip install torch"
    assert told.words["level"].startswith(f"supervised (torch is missing in {bare_python})")


def test_a_python_that_does_not_start_fails(doctor, bound):
    bound('python = ["no-such-python"]')

    told = doctor()

    assert (told.status, told.state["python"]) == (1, "fails")
    assert told.words["python"].startswith("'no-such-python' starts no Python: ")


@pytest.fixture
def uv(bound, tmp_path):
    """An uv that leaves a trace and fails like the true one; the PATH to find it by."""
    bound('python = ["uv", "run", "--frozen", "python"]')
    program = tmp_path / "bin/uv"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\ntouch {tmp_path}/asked\n"
        'exec >&2; echo "Downloading torch"; echo "error: No space left"; echo "hint: x"; exit 2\n'
    )
    program.chmod(0o755)
    return f"{program.parent}:{os.environ['PATH']}"


def test_an_environment_that_is_not_there_is_not_installed_by_asking(doctor, uv, tmp_path):
    told = doctor(PATH=uv)

    assert (told.status, told.state["python"], told.next["python"]) == (1, "fails", "uv sync")
    assert told.words["python"].startswith("there is no .venv yet")
    assert not (tmp_path / "asked").exists()


def test_of_what_a_failing_program_says_the_error_is_told(doctor, uv, project):
    (project.path / ".venv").mkdir()

    told = doctor(PATH=uv)

    assert told.words["python"] == "'uv run --frozen python' starts no Python: error: No space left"


def test_an_interpreter_that_does_not_answer_is_told_in_few_words(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_SECONDS", 0.2)
    slow = (sys.executable, "-c", "import time; time.sleep(60)")

    with pytest.raises(ExperimentError, match=r"starts no Python: no answer within 0 seconds"):
        query(slow, folder=tmp_path, settings={})


def test_to_ask_an_interpreter_runs_nothing_of_the_project(tmp_path, bare_python):
    (tmp_path / "json.py").write_text("raise SystemExit('ran')")
    (tmp_path / "torch.py").write_text("")

    found = query((bare_python,), folder=tmp_path, settings={})

    assert (found.path, found.torch) == (bare_python, False)


def test_an_interpreter_that_another_program_starts_is_found(doctor, bound):
    bound('python = ["env", "python3"]')

    told = doctor()

    assert told.state["python"] == "ok"
    assert "Python 3." in told.words["python"]


def test_a_card_is_called_as_its_driver_calls_it(project, tmp_path, monkeypatch):
    folder = tmp_path / "nvml"
    folder.mkdir()
    install(monkeypatch, build(folder), folder, "GPU-1, NVIDIA H200\n")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(device, "cuda_present", lambda: True)
    project.edit("bound.toml", 'device    = "cpu"', 'device    = "cuda"')
    project.bless()

    def told():
        items = {i.topic: i for i in Machine(open_case(project.path / "bound.toml")).items()}
        return items["device"].state, items["device"].words

    assert told() == ("ok", "NVIDIA H200, driver 570.10, free")
    with hold_devices(["cuda-0"], print):
        state, words = told()
        assert (state, "driver 570.10, held by process " in words) == ("weak", True)
    (folder / "processes").write_text(f"GPU-1, 77, {900 << 20}, other\n")
    assert told() == ("weak", "NVIDIA H200, driver 570.10, where process 77 (other) computes")


def test_a_device_that_is_demanded_and_not_there_fails(doctor, project):
    project.edit("bound.toml", 'device    = "cpu"', 'device    = "cuda"')
    project.bless()

    told = doctor()

    assert (told.status, told.state["device"]) == (1, "fails")
    assert "no CUDA device here" in told.words["device"]


def test_who_holds_the_device_is_told(doctor):
    with hold_devices(["cpu"], print):
        told = doctor()

    assert told.state["device"] == "weak"
    assert f"held by process {os.getpid()} since " in told.words["device"]
    assert doctor().state["device"] == "ok"


def test_data_is_missing_then_unblessed_then_blessed(doctor, project, bound):
    frozen = '\n[[danger-zone]]\nid = "data"\nrule = "Data is fixed."\ncheck = "frozen-data"\n'
    project.write({"bound.toml": (project.path / "bound.toml").read_text() + frozen})
    bound('data = ["cache/*"]')
    told = doctor()
    assert (told.status, told.state["data"]) == (1, "fails")
    assert told.words["data"] == "missing: cache/*"
    assert told.next["data"] == "python prepare.py"

    project.write({".gitignore": "run.log\nresults.tsv\ncache/\n", "cache/tokens": "x"})
    project.commit("ignore the data")
    assert doctor().state["data"] == "weak"
    assert doctor().words["data"] == "1 files, 1 that are not blessed"

    project.bless()
    assert (doctor().state["data"], doctor().status) == ("ok", 0)
