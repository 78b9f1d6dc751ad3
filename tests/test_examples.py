"""Each folder of docs/examples in its own repository: a baseline, then the edits of a night."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_ouro.cli.bless import bless
from pytest_ouro.engine import open_case
from pytest_ouro.experiment.assurance.sandbox_spec import available
from pytest_ouro.experiment.run import Order, run_experiment

EXAMPLES = Path(__file__).parents[1] / "docs/examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/bound.toml"))
#: Programs that an example needs beside Python.
NEEDS = {"compiler": ("cc", "size", "nm", "readelf"), "kernel": ("cc",)}

#: Examples that run on Linux alone.
LINUX = ("kernel", "regression")


@pytest.fixture(params=NAMES)
def name(request):
    missing = [one for one in NEEDS.get(request.param, ()) if not shutil.which(one)]
    if missing:
        pytest.skip(f"not installed here: {', '.join(missing)}")
    if request.param in LINUX and sys.platform != "linux":
        pytest.skip("reads the CPU clock of another process, as Linux alone allows")
    return request.param


@pytest.fixture(scope="module")
def level():
    """The level of a confined command on this machine."""
    return "sandboxed" if available((sys.executable,)).ok else "supervised"


@pytest.fixture
def example(name, new_repository):
    """The example's files, blessed and committed in a repository of their own."""
    shutil.copytree(EXAMPLES / name, new_repository.path, dirs_exist_ok=True)
    new_repository.commit("the experiment")
    bless(new_repository.path / "bound.toml")
    new_repository.commit("bless")
    return new_repository


def run(example, patch):
    """Go back to the baseline, apply the patch, commit, and run that."""
    example.git("reset", "-q", "--hard", "baseline")
    example.git("apply", str(patch))
    example.commit("an idea")
    return run_experiment(open_case(example.path / "bound.toml"), Order())


@pytest.mark.tier(2, but=1)
def test_a_baseline_and_a_night(example, name, level):
    first = run_experiment(open_case(example.path / "bound.toml"), Order())
    last = rf"ouro: keep \w+=\S+ level={level} commit=\S+ reason=baseline"
    assert re.fullmatch(last, first.last_line), (first.message, first.closed)
    example.git("tag", "baseline")
    baseline = pytest.approx(first.value)

    for patch in sorted((EXAMPLES / name / "night").iterdir()):
        result = run(example, patch)
        status, _, reason = patch.stem.partition("-")
        assert result.status == status, (patch.name, result.message, result.closed)
        assert result.reason == {"closed": "rules-broken"}.get(status, reason or status)
        if status in {"keep", "discard"}:
            assert (result.best, result.level) == (baseline, level)
        if reason == "guard":
            assert re.search(r"guard=[\w-]+:[\d.]+[<>][\d.]+$", result.last_line)
    assert example.git("status", "--porcelain") == ""


def test_a_night_has_every_end(name):
    found = {patch.stem for patch in (EXAMPLES / name / "night").iterdir()}
    assert {"closed", "discard-guard", "discard-worse", "keep-improved"} <= found
    assert found & {"crash", "crash-nan"}


def test_its_page_is_short_and_shows_the_last_line(name):
    text = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 25
    assert re.search(r"^ouro: keep \w+=\S+ level=sandboxed commit=a1b2c3d", text, re.MULTILINE)
    assert f"({name}/README.md)" in (EXAMPLES / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", LINUX)
def test_elsewhere_it_says_that_it_needs_linux(name):
    assert "It needs Linux" in (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    start = "import runpy, sys; sys.platform = 'darwin'; runpy.run_path('evaluate.py')"
    done = subprocess.run(
        [sys.executable, "-c", start],
        cwd=EXAMPLES / name,
        env={**os.environ, "OURO_CONFINE": "none"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "it needs Linux, where one process can read the CPU clock of another\n"


def test_the_list_of_examples_says_which_need_linux():
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    named = re.search(r"(\w+)\s+and (\w+) run on Linux alone", text)
    assert named
    assert set(named.groups()) == set(LINUX)


@pytest.mark.tier(2)
def test_one_command_runs_a_night(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLES.parents[1]))
    shutil.copy(EXAMPLES / "night.py", tmp_path)
    shutil.copytree(EXAMPLES / "prompt", tmp_path / "prompt")
    for name in ("crash", "discard-guard", "discard-worse"):
        (tmp_path / f"prompt/night/{name}.patch").unlink()
    command = [sys.executable, str(tmp_path / "night.py")]
    done = subprocess.run(
        [*command, "prompt", tmp_path / "new/made"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    where, *lines = done.stdout.splitlines()
    assert where == str(tmp_path / "new/made")
    assert lines[::2] == ["baseline", "night/closed.patch", "night/keep-improved.patch"]
    assert [line.split()[:2] for line in lines[1::2]] == [
        ["ouro:", status] for status in ("keep", "closed", "keep")
    ]

    wrong = subprocess.run([*command, "promt"], capture_output=True, text=True)
    assert wrong.returncode == 1
    assert wrong.stderr == "name an example, and perhaps a folder to make: prompt\n"
