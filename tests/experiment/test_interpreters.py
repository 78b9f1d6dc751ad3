"""Commands that start the script: uv in a locked project, another interpreter, our own."""

import shutil
import subprocess
import sys

import pytest

from pytest_ouro.core.errors import ExperimentError

WHO = "import sys; print(f'prefix: {sys.prefix}')"
PYPROJECT = (
    '[project]\nname = "toy"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = []\n'
)


def uses(lab, python, **files):
    lab.bound(
        ('script    = "train.py"', f'script    = "train.py"\npython    = {python}'),
        **files,
    )


def prefix(lab):
    (line,) = [
        line for line in (lab.path / "run.log").read_text().splitlines() if "prefix:" in line
    ]
    return line.removeprefix("prefix: ")


def test_the_interpreter_that_runs_pytest(lab):
    assert lab.run(lab.script(before=WHO)).status == "keep"
    assert prefix(lab) == sys.prefix


def test_a_plain_interpreter(lab, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    uses(lab, f'["{tmp_path}/venv/bin/python", "-X", "utf8"]')
    result = lab.run(lab.script(before=WHO))
    assert result.status == "keep", result.message
    assert prefix(lab) == str(tmp_path / "venv")
    assert result.record["python"] == sys.version.split()[0]


def test_a_missing_interpreter_is_reported(lab):
    uses(lab, '["/nowhere/python"]')
    with pytest.raises(ExperimentError, match="'/nowhere/python' cannot be started") as refused:
        lab.run(lab.script())
    assert refused.value.help == "install it, or fix 'python' in bound.toml"
    assert [row[3] for row in lab.rows] == ["crash"]


@pytest.mark.skipif(shutil.which("uv") is None, reason="needs uv")
def test_a_uv_project(lab, monkeypatch):
    """It runs in the project's environment; neither lock nor environment changes."""
    monkeypatch.setenv("UV_OFFLINE", "1")

    def uv(*args):
        done = subprocess.run(
            ["uv", *args], cwd=lab.path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    ignored = "run.log\nresults.tsv\n.venv\n"
    lab.project.write({"pyproject.toml": PYPROJECT, ".gitignore": ignored})
    uv("lock", "--python", sys.executable)
    uv("venv", "-q", "--python", sys.executable)
    uses(lab, '["uv", "run", "--frozen", "python"]')
    before = sorted((lab.path / ".venv").rglob("*"))
    lock = (lab.path / "uv.lock").read_bytes()
    result = lab.run(lab.script(before=WHO))
    assert result.status == "keep", (lab.path / "run.log").read_text()
    assert prefix(lab) == str(lab.path / ".venv")
    assert sorted((lab.path / ".venv").rglob("*")) == before
    assert (lab.path / "uv.lock").read_bytes() == lock
    lab.clean()
