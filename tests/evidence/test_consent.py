"""What this user blessed is remembered by place and content, outside of the repository."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from pytest_ouro.evidence import consent
from pytest_ouro.evidence.git.client import Git

LOCK = b"the lock"


@pytest.fixture
def git(project):
    return Git.discover(project.path)


def test_only_these_rules_in_this_repository_are_remembered(project, git, tmp_path):
    assert not consent.is_remembered(git, "bound.lock", LOCK)
    consent.remember(git, "bound.lock", LOCK)
    assert consent.is_remembered(git, "bound.lock", LOCK)
    assert not consent.is_remembered(git, "bound.lock", LOCK + b"!")
    assert not consent.is_remembered(git, "lab/bound.lock", LOCK)
    shutil.copytree(project.path, tmp_path / "copy")
    assert not consent.is_remembered(Git.discover(tmp_path / "copy"), "bound.lock", LOCK)


def test_linked_working_trees_share_what_is_remembered(project, git, tmp_path):
    consent.remember(git, "bound.lock", LOCK)
    project.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    assert consent.is_remembered(Git.discover(tmp_path / "linked"), "bound.lock", LOCK)


def test_nobody_else_reads_it(git):
    consent.remember(git, "bound.lock", LOCK)
    [file] = (Path.home() / ".local/state/pytest-ouro/blessed").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("state", ["relative", "inside"])
def test_a_repository_cannot_bring_its_own_memory(project, git, monkeypatch, state):
    monkeypatch.chdir(project.path)
    folder = str(project.path / "state") if state == "inside" else "state"
    monkeypatch.setenv("XDG_STATE_HOME", folder)
    with pytest.raises(OSError, match="no home outside"):
        consent.remember(git, "bound.lock", LOCK)
    assert not consent.is_remembered(git, "bound.lock", LOCK)


def test_a_pipe_in_its_place_is_not_waited_for(git):
    consent.remember(git, "bound.lock", LOCK)
    [file] = (Path.home() / ".local/state/pytest-ouro/blessed").iterdir()
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(OSError, match="No such device"):
        consent.remember(git, "bound.lock", LOCK)
    assert not consent.is_remembered(git, "bound.lock", LOCK)
