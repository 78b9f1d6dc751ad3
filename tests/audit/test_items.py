"""``pytest --ouro-audit``: statements as items, and nothing of the audited repository is loaded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

TRAIN = """\
from prepare import evaluate_bpb

LR = {}
print(f"val_bpb: {{evaluate_bpb(LR):.6f}}")
"""
HONEST = {
    "train.py": TRAIN.format(1),
    "prepare.py": "def evaluate_bpb(model):\n    return float(model)\n",
    "program.md": "Only edit `train.py`. Do not modify `prepare.py`. Lower val_bpb is better.\n",
}
ROW = "{commit}\t{value}\t1.0\tkeep\t{words}\n"
HEAD = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"


@pytest.fixture
def loop(tmp_path):
    """``loop(harness=False)``: the folder of a repository with a loop of three kept experiments;
    with ``harness``, the last one changes prepare.py."""

    def git(folder, *args):
        call = ["git", "-c", "user.name=x", "-c", "user.email=x@y", *args]
        done = subprocess.run(call, cwd=folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def loop(*, harness=False, files=None):
        folder = tmp_path / "loop"
        folder.mkdir()
        git(folder, "init", "-q", "-b", "main")
        for name, text in {**HONEST, **(files or {})}.items():
            (folder / name).write_text(text)
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", "setup")
        rows = HEAD + ROW.format(commit=git(folder, "rev-parse", "--short", "HEAD"), value="1.5",
                                 words="baseline")  # fmt: skip
        for number, value in enumerate((1.4, 1.3, 1.2)):
            (folder / "train.py").write_text(TRAIN.format(number + 2))
            if harness and number == 2:
                (folder / "prepare.py").write_text("def evaluate_bpb(model):\n    return 0.5\n")
            git(folder, "commit", "-q", "-a", "-m", f"lr {number}")
            commit = git(folder, "rev-parse", "--short", "HEAD")
            rows += ROW.format(commit=commit, value=value, words=f"lr {number}")
        (folder / "results.tsv").write_text(rows)
        return folder

    return loop


@pytest.fixture
def audit(tmp_path):
    """``audit(*args, cwd)``: exit status and output of pytest in a process of its own."""

    def audit(*args, cwd=tmp_path):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:randomly", *map(str, args)],
            cwd=cwd,
            env={**os.environ, "PYTEST_ADDOPTS": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    return audit


def evil(tmp_path):
    return f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()\n"


def test_an_honest_loop_passes(loop, audit):
    folder = loop()

    status, said = audit(f"--ouro-audit={folder}", "-rs")

    assert status == 0, said
    assert " passed" in said
    assert said.splitlines()[-1].startswith("ouro: audit: ")


@pytest.mark.tier(2)
def test_a_changed_harness_fails(loop, audit):
    folder = loop(harness=True)

    status, said = audit(f"--ouro-audit={folder}")

    assert status == 1, said
    assert "prepare.py" in said
    assert "Traceback" not in said
    assert "FAILED audit::" in said


@pytest.mark.tier(2)
def test_nothing_of_the_repository_is_loaded_or_written(loop, audit, tmp_path):
    code = evil(tmp_path)
    names = ("conftest.py", "test_x.py", "sitecustomize.py", "setup.py")
    folder = loop(files=dict.fromkeys(names, code))
    before = sorted(path.name for path in folder.iterdir())

    for args, cwd in (((f"--ouro-audit={folder}",), tmp_path), (("--ouro-audit",), folder)):
        status, said = audit(*args, cwd=cwd)

        assert status == 0, said
        assert not (tmp_path / "ran").exists()
        assert "test_x" not in said
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", "[pytest]\naddopts = --co\n"),
        ("pyproject.toml", "[tool.pytest.ini_options]\naddopts = '--co'\n"),
        ("tox.ini", "[pytest]\n"),
    ],
)
def test_its_configuration_is_refused(loop, audit, name, text):
    folder = loop(files={name: text})

    status, said = audit("--ouro-audit", cwd=folder)

    assert status == 4, said
    assert "reads no configuration of the audited repository" in said
    assert "pytest-ouro audit" in said
    assert " passed" not in said
    assert audit(f"--ouro-audit={folder}")[0] == 0


def test_what_cannot_be_audited_is_an_error_without_a_traceback(audit, tmp_path):
    status, said = audit(f"--ouro-audit={tmp_path}")

    assert status == 4
    assert "no git repository" in said
    assert "Traceback" not in said


def test_an_experiment_is_not_made_in_its_place(audit, tmp_path):
    status, said = audit("--ouro-audit", "--ouro-experiment")

    assert status == 4
    assert "cannot be used with --ouro-experiment" in said


@pytest.mark.tier(2)
def test_items_can_be_listed_and_selected(loop, audit):
    folder = loop()

    status, said = audit(f"--ouro-audit={folder}", "--co", "-q")
    names = [line for line in said.splitlines() if line.startswith("audit::")]
    assert status == 0
    assert len(names) > 3
    assert names == list(dict.fromkeys(names))

    assert audit(f"--ouro-audit={folder}", "-k", "scope")[0] == 0
