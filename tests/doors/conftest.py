"""Run git with real hooks in a project."""

import shutil
import subprocess
import sys

import pytest


@pytest.fixture
def on_the_path(tmp_path, monkeypatch):
    """Put the ``python`` and ``pytest-ouro`` of the tests on PATH."""
    folder = tmp_path / "on-the-path"
    folder.mkdir()
    for name, command in (("python", ""), ("pytest-ouro", "-I -m pytest_ouro")):
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {command} "$@"\n')
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


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
