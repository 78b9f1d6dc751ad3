"""What an experiment costs beside its programs, as counts: `benchmarks/overhead.py` measures it."""

import os
import shutil
import subprocess
import sys

import pytest

#: Edits that turn the toy experiment into a command at *supervised*.
COMMAND = (
    ('script    = "train.py"\n', ""),
    ('harness   = "prepare.py"\n', 'command = ["python", "train.py"]\n'),
    ('evaluate  = "evaluate_bpb"', 'evaluate-command = ["python", "prepare.py"]'),
    ("budget    = 0.3", "budget    = 60"),
    ("timeout   = 20", "timeout   = 120"),
)
#: Writes down its words, then becomes the program.
WRITES = '#!/bin/sh\necho "{name} $*" >> "{log}"\nexec {program} "$@"\n'


@pytest.fixture
def count(lab, tmp_path, monkeypatch):
    """``count(*options)``: run an experiment in a pytest of its own; return the words of every
    call of git, without settings."""
    log, folder = tmp_path / "calls", tmp_path / "bin"
    folder.mkdir()
    program = folder / "git"
    program.write_text(WRITES.format(name="git", log=log, program=shutil.which("git")))
    program.chmod(0o755)

    def count(*options):
        log.unlink(missing_ok=True)
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        env = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(
            [*words, "--ouro-experiment", *options],
            cwd=lab.path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        known = ("rev-parse", "config", "cat-file", "ls-files")
        calls = [line.split() for line in log.read_text().splitlines()]
        return [next((word for word in call if word in known), str(call)) for call in calls]

    return count


@pytest.mark.tier(2)
def test_an_experiment_starts_git_four_times_and_each_repeat_once(lab, count):
    lab.bound(*COMMAND, train_py="", prepare_py="print('val_bpb: 2.0')\n")
    once = ["rev-parse", "config", "cat-file", "ls-files"]
    assert count() == once
    assert count("--ouro-repeat", "3") == [*once, "ls-files", "ls-files"]
