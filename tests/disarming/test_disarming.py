"""Attempts to disarm the gate fail: the violation is found, or nothing is judged. Without a
violation, the same files give no alarm."""

import dataclasses
import os
import shutil
import subprocess
import sys

import pytest

from .attempts import ATTEMPTS, ISOLATED, OUTSIDE, UNJUDGED


@pytest.fixture(scope="session")
def watched_template(tmp_path_factory):
    return {"folder": tmp_path_factory.mktemp("watched") / "project"}


@pytest.fixture
def watched(project, watched_template, tmp_path):
    """The toy experiment in the folder ``lab`` of a repository, which alone is watched."""
    kept = watched_template["folder"]
    if not kept.exists():
        for name in ("prepare.py", "train.py"):
            (project.path / "lab").mkdir(exist_ok=True)
            project.git("mv", name, f"lab/{name}")
        project.edit("bound.toml", "[experiment]", '[experiment]\nroot = "lab"')
        project.edit("bound.toml", 'check = "scope"', 'check = "scope"\nwithin = "lab"')
        project.bless()
        shutil.copytree(project.path, kept, symlinks=True)
    shutil.rmtree(project.path)
    shutil.copytree(kept, project.path, symlinks=True)
    shutil.copytree(kept, tmp_path / "clean", symlinks=True)
    return dataclasses.replace(project)


def gate(project, *args, isolated=False, env=None):
    """Run the gate in a process of its own, in the judged folder, where it is most exposed."""
    return subprocess.run(
        [sys.executable, *(["-I"] if isolated else []), "-m", "pytest_ouro", "gate", *args],
        cwd=project.path,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
    )


def violate(project):
    project.edit("lab/prepare.py", "float(model)", "0.5 * float(model)")


def test_the_violation_is_one(watched):
    assert gate(watched).returncode == 0
    violate(watched)
    assert gate(watched).returncode == 1


@pytest.mark.tier(2, but=18)
@pytest.mark.parametrize("name", ATTEMPTS)
def test_the_violation_is_seen(watched, name):
    violate(watched)
    env = ATTEMPTS[name](watched)

    done = gate(watched, env=env)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "danger-zone::prepare BROKEN: lab/prepare.py changed" in done.stdout


@pytest.mark.tier(2, but=18)
@pytest.mark.parametrize("name", ATTEMPTS)
def test_honest_use_of_the_same_is_lawful(watched, name):
    env = ATTEMPTS[name](watched)

    done = gate(watched, env=env)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("ouro: lawful: 5 rules hold, 2 skipped")


@pytest.mark.parametrize("name", ISOLATED)
def test_an_isolated_interpreter_stops_what_comes_before_the_gate(watched, name):
    violate(watched)
    env = ISOLATED[name](watched)

    done = gate(watched, isolated=True, env=env)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "danger-zone::prepare BROKEN" in done.stdout


@pytest.mark.parametrize("name", ISOLATED)
def test_honest_use_under_an_isolated_interpreter_is_lawful(watched, name):
    env = ISOLATED[name](watched)

    assert gate(watched, isolated=True, env=env).returncode == 0


@pytest.mark.tier(2, but=8)
@pytest.mark.parametrize("violated", [True, False])
@pytest.mark.parametrize("name", UNJUDGED)
def test_what_leaves_nothing_to_judge_is_never_lawful(watched, name, violated):
    if violated:
        violate(watched)
    env = UNJUDGED[name](watched)

    done = gate(watched, env=env)

    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("ouro: error: ")
    assert "Traceback" not in done.stderr


@pytest.mark.tier(2, but=6)
@pytest.mark.parametrize("how", [(), ("--head", "HEAD")], ids=["working tree", "commit"])
@pytest.mark.parametrize("name", OUTSIDE)
def test_a_trust_from_outside_is_not_moved(watched, name, how):
    trust = watched.git("rev-parse", "HEAD")
    violate(watched)
    env = OUTSIDE[name](watched)
    if how and watched.git("status", "--porcelain", "--untracked-files=no"):
        watched.commit("the work")

    done = gate(watched, "--trust", trust, *how, env=env)

    assert done.returncode in (1, 2), done.stdout + done.stderr
    assert done.returncode == 2 or "danger-zone::prepare BROKEN" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_usage_error_stays_one_in_an_interpreter_that_would_go_on(watched):
    done = gate(watched, "--no-such-option", env={"PYTHONINSPECT": "1"})

    assert done.returncode == 2


def test_a_fault_of_ours_is_not_a_broken_rule(watched):
    program = (
        "import sys, pytest_ouro.cli; sys.argv = ['x', 'gate']\n"
        "pytest_ouro.cli.run = lambda argv: 1 / 0\n"
        "from pytest_ouro.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=watched.path, capture_output=True, check=False
    )

    assert done.returncode == 2


@pytest.mark.parametrize("words", [["gate"], ["guard"], ["log"]], ids=" ".join)
def test_a_folder_that_is_gone_is_not_a_broken_rule(watched, words):
    gone = watched.path / "gone"
    gone.mkdir()
    program = (
        f"import os, sys; sys.argv = ['x', *{words}]; os.rmdir({str(gone)!r})\n"
        "from pytest_ouro.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=gone, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "ouro: error: the current folder is gone\n  help: cd into the repository\n"
    )


def test_there_are_enough_of_them():
    assert len(ATTEMPTS) + len(ISOLATED) + len(UNJUDGED) + len(OUTSIDE) >= 40
