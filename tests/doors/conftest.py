"""Run git with real hooks in a project."""

import shutil
import subprocess

import pytest


@pytest.fixture
def tried(project):
    """``tried("commit", "-m", "x")``: run git; return its exit status and all output."""

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
