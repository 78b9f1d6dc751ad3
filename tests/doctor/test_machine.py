"""What the doctor reports about Python, device, data, judge and sandbox."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.doctor import machine
from pytest_ouro.doctor.machine import Machine, query
from pytest_ouro.engine import open_case
from pytest_ouro.experiment.devices import device
from pytest_ouro.experiment.devices.device_lock import hold_devices
from tests.doctor.conftest import NO_LANDLOCK, WITHOUT, Report
from tests.experiment.nvml_stand_in import build, install
from tests.experiment.test_confinement import needed


def test_a_demanded_level_that_is_not_available_fails(doctor, bound):
    bound('level = "judged"')

    report = doctor()

    assert (report.status, report.state["level"]) == (1, "fails")
    assert report.words["level"].endswith("the bound demands judged: no run can be kept here")
    assert report.next["level"] == report.next["judge"]


JUDGED = "def get_token_bytes(device):\n    return 0\n\n\nclass Tokenizer:\n    pass\n\n\n"


@pytest.mark.tier(2)
@needed
def test_the_level_depends_on_the_bound_and_the_harness(doctor, project, bound):
    text = (project.path / "prepare.py").read_text()
    project.write({"prepare.py": text.replace("def make", f"{JUDGED}def make"), "val.bin": "x"})
    project.bless()
    report = doctor()
    assert report.state["judge"] == "ok"
    assert report.words["level"].startswith("judged (no sandbox: the bound names no 'validation'")
    assert "names no 'validation' files" in report.words["sandbox"]

    bound('validation = ["val.bin"]')
    report = doctor()
    assert (report.state["sandbox"], report.state["level"]) == ("ok", "ok")
    assert report.words["level"].startswith("sandboxed; ")

    bound('highest = "judged"')
    report = doctor()
    assert (report.state["sandbox"], report.state["level"]) == ("weak", "weak")
    assert report.words["level"].startswith('judged (the bound says highest = "judged")')


def test_a_harness_that_hands_out_the_validation_data_is_reported(doctor, project):
    report = doctor()

    assert (report.state["splits"], report.next["splits"]) == ("weak", report.next["level"])
    assert "make_dataloader serves whatever split it is asked for" in report.words["splits"]
    assert "gets around below sandboxed" in report.words["splits"]

    project.edit("prepare.py", 'split="train"', "")
    project.bless()
    assert "splits" not in doctor().state


@needed
def test_a_kernel_without_landlock_is_reported(project):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *NO_LANDLOCK, "doctor"],
        cwd=project.path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    report = Report(done)

    assert (report.status, report.state["sandbox"]) == (0, "weak")
    assert report.words["sandbox"] == "none: this kernel has no Landlock"


def test_a_harness_without_its_torch_fails(doctor, project, bare_python):
    text = (project.path / "prepare.py").read_text()
    project.write({"prepare.py": text.replace("def make", f"{JUDGED}def make") + "import torch\n"})
    project.edit("bound.toml", "editable ", f'python = ["{bare_python}"]\neditable ')
    project.bless()

    report = doctor()

    assert (report.status, report.state["python"]) == (1, "fails")
    assert report.words["python"].endswith("torch is missing, and prepare.py imports it")
    assert report.next["python"] == f"{bare_python} -m pip install torch"
    assert report.words["level"].startswith(f"supervised (torch is missing in {bare_python})")


def test_a_python_that_does_not_start_fails(doctor, bound):
    bound('python = ["no-such-python"]')

    report = doctor()

    assert (report.status, report.state["python"]) == (1, "fails")
    assert report.words["python"] == "'no-such-python' cannot be started: it is not on PATH"


@pytest.fixture
def uv(bound, tmp_path):
    """A PATH with a stand-in for uv, which leaves a trace and fails as uv does."""
    bound('python = ["uv", "run", "--frozen", "python"]')
    program = tmp_path / "bin/uv"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\ntouch {tmp_path}/asked\n"
        'exec >&2; echo "Downloading torch"; echo "error: No space left"; echo "hint: x"; exit 2\n'
    )
    program.chmod(0o755)
    return f"{program.parent}:{os.environ['PATH']}"


def test_a_missing_uv_is_named_before_its_environment(doctor, bound, tmp_path):
    bound('python = ["uv", "run", "--frozen", "python"]')
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").symlink_to(shutil.which("git"))
    report = doctor(PATH=str(tmp_path / "bin"))
    assert report.words["python"] == "'uv' cannot be started: it is not on PATH"
    assert report.next["python"] == "install it, or fix 'python' in bound.toml"


def test_a_missing_environment_is_not_installed(doctor, uv, tmp_path):
    report = doctor(PATH=uv)

    assert (report.status, report.state["python"], report.next["python"]) == (1, "fails", "uv sync")
    assert report.words["python"].startswith("there is no .venv yet")
    assert not (tmp_path / "asked").exists()


def test_the_error_of_a_failing_program_is_reported(doctor, uv, project):
    (project.path / ".venv").mkdir()

    report = doctor(PATH=uv)

    assert (
        report.words["python"] == "'uv run --frozen python' starts no Python: error: No space left"
    )


def test_an_interpreter_that_does_not_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_SECONDS", 0.2)
    slow = (sys.executable, "-c", "import time; time.sleep(60)")

    with pytest.raises(ExperimentError, match=r"starts no Python: no answer within 0 seconds"):
        query(slow, folder=tmp_path, settings={})


@pytest.mark.parametrize("answer", ["hello", "5", "[]"])
def test_an_interpreter_that_answers_something_else(tmp_path, answer):
    other = (sys.executable, "-c", f"print({answer!r})")

    with pytest.raises(ExperimentError, match="starts no Python"):
        query(other, folder=tmp_path, settings={})


def test_the_query_of_an_interpreter_runs_nothing_of_the_project(tmp_path, bare_python):
    (tmp_path / "json.py").write_text("raise SystemExit('ran')")
    (tmp_path / "torch.py").write_text("")

    found = query((bare_python,), folder=tmp_path, settings={})

    assert (found.path, found.torch) == (bare_python, False)


def test_an_interpreter_that_another_program_starts_is_found(doctor, bound):
    bound('python = ["env", "python3"]')

    report = doctor()

    assert report.state["python"] == "ok"
    assert "Python 3." in report.words["python"]


def test_a_card_has_the_name_that_its_driver_gives_it(project, tmp_path, monkeypatch):
    folder = tmp_path / "nvml"
    folder.mkdir()
    install(monkeypatch, build(folder), folder, "GPU-1, NVIDIA H200\n")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(device, "cuda_present", lambda: True)
    project.edit("bound.toml", 'device    = "cpu"', 'device    = "cuda"')
    project.bless()

    def item():
        items = {i.topic: i for i in Machine(open_case(project.path / "bound.toml")).items()}
        return items["device"].state, items["device"].words

    assert item() == ("ok", "NVIDIA H200, driver 570.10, free")
    with hold_devices(["cuda-0"], print):
        state, words = item()
        assert (state, "driver 570.10, held by process " in words) == ("weak", True)
    (folder / "processes").write_text(f"GPU-1, 77, {900 << 20}, other\n")
    assert item() == ("weak", "NVIDIA H200, driver 570.10, where process 77 (other) computes")


def test_a_demanded_device_that_is_missing_fails(doctor, project):
    project.edit("bound.toml", 'device    = "cpu"', 'device    = "cuda"')
    project.bless()

    report = doctor()

    assert (report.status, report.state["device"]) == (1, "fails")
    assert "no CUDA device here" in report.words["device"]


def test_the_process_that_holds_the_device_is_reported(doctor):
    with hold_devices(["cpu"], print):
        report = doctor()

    assert report.state["device"] == "weak"
    assert f"held by process {os.getpid()} since " in report.words["device"]
    assert doctor().state["device"] == "ok"


def test_data_is_missing_then_unblessed_then_blessed(doctor, project, bound):
    frozen = '\n[[danger-zone]]\nid = "data"\nrule = "Data is fixed."\ncheck = "frozen-data"\n'
    project.write({"bound.toml": (project.path / "bound.toml").read_text() + frozen})
    bound('data = ["cache/*"]')
    report = doctor()
    assert (report.status, report.state["data"]) == (1, "fails")
    assert report.words["data"] == "missing: cache/*"
    assert report.next["data"] == "python prepare.py"

    project.write({".gitignore": "run.log\nresults.tsv\ncache/\n", "cache/tokens": "x"})
    project.commit("ignore the data")
    assert doctor().state["data"] == "weak"
    assert doctor().words["data"] == "1 files, 1 that are not blessed"

    project.bless()
    assert (doctor().state["data"], doctor().status) == ("ok", 0)


def test_an_interpreter_that_a_clone_brings_along_is_not_started(project, bound, tmp_path):
    tool = project.path / "tool.sh"
    tool.write_text(f'#!/bin/sh\ntouch {tmp_path}/ran\nexec {sys.executable} "$@"\n')
    tool.chmod(0o755)
    bound('python = ["./tool.sh"]')
    project.git("clone", "-q", ".", str(tmp_path / "clone"))
    clone = replace(project, path=tmp_path / "clone")

    report = Report(clone.ouro("doctor"))

    assert report.status == 2
    assert report.state["python"] == report.state["sandbox"] == report.state["level"] == "unknown"
    assert "`./tool.sh` was not started" in report.words["python"]
    assert report.next["python"].endswith("pytest-ouro doctor --run-commands")
    assert not (tmp_path / "ran").exists()
    assert Report(clone.ouro("doctor", "--run-commands")).state["python"] == "ok"
    assert (tmp_path / "ran").exists()
