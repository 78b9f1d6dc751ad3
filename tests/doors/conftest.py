"""A project whose commits pass a real hook."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path_of_python(monkeypatch):
    """``python`` in hooks is the one that runs the tests."""
    folder = Path(sys.executable).parent
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


@pytest.fixture
def tried(project):
    """``tried("commit", "-m", "x")``: git's exit status and all that it and its hooks said."""

    def tried(*args, **how):
        done = subprocess.run(
            ["git", *args],
            cwd=how.pop("cwd", project.path),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
            **how,
        )
        return done.returncode, done.stdout

    return tried


@pytest.fixture
def remote(project, tmp_path):
    """An empty bare repository, as ``origin``."""
    path = tmp_path / "remote"
    project.git("init", "-q", "--bare", str(path))
    project.git("remote", "add", "origin", str(path))
    yield path
    shutil.rmtree(path)
