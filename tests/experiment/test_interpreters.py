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


@pytest.mark.parametrize(
    ("python", "said"),
    [
        ("/nowhere/python", "cannot be started: there is no such file"),
        ("no-such-python", "cannot be started: it is not on PATH"),
        ("/dev/null", "cannot be started: it may not be executed"),
        (".venv/bin/python", "is not in the commit: a run starts in a clean working tree of it"),
    ],
)
def test_a_missing_interpreter_is_reported_and_nothing_is_recorded(lab, python, said):
    uses(lab, f'["{python}", "-u"]')
    with pytest.raises(ExperimentError, match=f"'{python}' {said}") as refused:
        lab.run(lab.script())
    assert "'python' in bound.toml" in refused.value.help
    assert lab.journal.records() == []
    assert not (lab.path / "results.tsv").exists()


def starter(folder, text):
    """Write an executable file; return its path."""
    path = folder / "starter"
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#!/nowhere/python\n", "cannot be started: No such file or directory"),
        ("no program\n", "cannot be started: Exec format error"),
        ("#!/bin/sh\necho error: no network >&2; exit 3\n",
         "train.py was not started: its 'python' exited with status 3: error: no network"),
        ("#!/bin/sh\n", "train.py was not started: its 'python' exited with status 0"),
    ],
)  # fmt: skip
def test_an_interpreter_that_fails_is_one_thing_in_line_row_and_record(
    lab, tmp_path, last_line, text, message
):
    uses(lab, f'["{starter(tmp_path, text)}"]')
    lab.commit(lab.script())
    done = lab.pytest("--ouro-settle")
    head = lab.project.git("rev-parse", "--short=7", "HEAD")
    assert done.returncode == 1
    assert message in done.stdout
    assert len(done.stdout.splitlines()) < 60
    line = last_line(done)
    assert line.startswith("ouro: crash val_bpb=none ")
    assert line.endswith(f"commit={head} reason=not-started")
    assert "ouro: not settled: the run was not started" in done.stdout
    assert message in lab.journal.records()[-1]["message"]
    lab.whole("not-started")


@pytest.mark.parametrize("key", ["command", "evaluate-command"])
def test_a_missing_program_of_a_command_is_reported(lab, key):
    words = {"command": '"python", "train.py"', "evaluate-command": '"python", "prepare.py"'}
    words[key] = '"no-such-program"'
    lab.bound(
        ('script    = "train.py"\n', ""),
        ('harness   = "prepare.py"\n', f"command = [{words['command']}]\n"),
        ('evaluate  = "evaluate_bpb"', f"evaluate-command = [{words['evaluate-command']}]"),
    )
    with pytest.raises(ExperimentError, match="'no-such-program' cannot be started") as refused:
        lab.run()
    assert refused.value.help == f"install it, or fix '{key}' in bound.toml"
    assert lab.journal.records() == []


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
