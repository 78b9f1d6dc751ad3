"""The clean working tree: it contains the commit alone, and is removed afterwards."""

import contextlib
import os
import subprocess
import sys

import pytest

from pytest_ouro.core.errors import ExperimentError, GitError, OuroError
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.experiment.steps import checkout
from pytest_ouro.experiment.terms import working_tree


@pytest.fixture
def git(project):
    return Git.discover(project.path)


def trees(project):
    return project.git("worktree", "list", "--porcelain").count("worktree ")


def test_the_tree_contains_the_commit_and_nothing_else(project, git):
    head = project.git("rev-parse", "HEAD")
    project.write({"train.py": "edited", "helper.py": "", "results.tsv": "", "run.log": ""})
    project.edit("prepare.py", "TIME_BUDGET = 0.3", "TIME_BUDGET = 9")
    with checkout.checkout(git, head) as folder:
        files = {path.name for path in folder.iterdir()}
        assert files >= {"train.py", "prepare.py", "bound.toml", ".git"}
        assert not files & {"helper.py", "results.tsv", "run.log", "__pycache__"}
        assert "evaluate_bpb" in (folder / "train.py").read_text()
        assert "TIME_BUDGET = 0.3" in (folder / "prepare.py").read_text()
        assert trees(project) == 2
    assert not folder.exists()
    assert trees(project) == 1
    assert project.git("rev-parse", "HEAD") == head


def test_an_older_commit_can_be_checked_out(project, git):
    old = project.git("rev-parse", "HEAD")
    project.commit("next", {"train.py": "new"})
    with checkout.checkout(git, old) as folder:
        assert (folder / "train.py").read_text() != "new"


def test_the_tree_is_removed_when_the_run_fails(project, git):
    def run():
        with checkout.checkout(git, project.git("rev-parse", "HEAD")) as folder:
            (folder / "locked").mkdir()
            (folder / "locked" / "file").write_text("")
            raise ZeroDivisionError(str(folder))

    with pytest.raises(ZeroDivisionError) as error:
        run()
    assert not os.path.lexists(str(error.value))
    assert trees(project) == 1


def test_committed_bytecode_is_not_there(project, git):
    project.write({"__pycache__/prepare.cpython-311.pyc": "x", "lib/evil.pyo": "x", "lib/a.py": ""})
    head = project.commit("bytecode")
    with checkout.checkout(git, head) as folder:
        assert not [*folder.rglob("*.pyc"), *folder.rglob("*.pyo")]
        assert (folder / "lib" / "a.py").exists()


def test_no_hook_and_no_filter_of_the_repository_runs(project, git):
    head = project.commit("attributes", {".gitattributes": "*.py filter=evil\n"})
    mark = project.path / "ran"
    hook = project.path / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    project.git("config", "filter.evil.smudge", f"sh -c 'touch {mark}; cat'")
    project.git("config", "filter.evil.required", "true")
    project.git("config", "core.fsmonitor", f"touch {mark}")
    project.git("config", "core.hooksPath", str(hook.parent))
    with checkout.checkout(git, head) as folder:
        assert (folder / "train.py").read_text() == (project.path / "train.py").read_text()
        assert not mark.exists()
    assert not mark.exists()


def test_two_commits_do_not_meet(project, git):
    first = project.git("rev-parse", "HEAD")
    second = project.commit("next", {"train.py": "new"})
    with checkout.checkout(git, first) as one, checkout.checkout(git, second) as two:
        assert one != two
        assert (two / "train.py").read_text() == "new" != (one / "train.py").read_text()
    assert trees(project) == 1


def test_line_endings_stay_as_committed(project, git):
    project.git("config", "core.autocrlf", "true")
    with checkout.checkout(git, project.git("rev-parse", "HEAD")) as folder:
        assert b"\r" not in (folder / "train.py").read_bytes()


def test_a_folder_that_cannot_be_made_is_reported_with_the_remedy(
    project, git, monkeypatch, tmp_path
):
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run():
        with checkout.checkout(git, project.git("rev-parse", "HEAD")):
            pass

    with pytest.raises(ExperimentError, match="cannot be written in") as refused:
        run()
    assert "XDG_CACHE_HOME" in refused.value.help


def test_a_missing_commit_is_reported(git):
    def run():
        with checkout.checkout(git, "0" * 40):
            pass

    with pytest.raises(GitError, match="object 0000000000 cannot be read"):
        run()


def test_variables_of_a_calling_hook_do_not_reach_git(project, git, monkeypatch, tmp_path):
    """Git exports GIT_DIR and GIT_INDEX_FILE to hooks; the index must not be written to."""
    other = tmp_path / "other"
    subprocess.run(["git", "init", "-q", str(other)], check=True)
    index = tmp_path / "index"
    head = project.git("rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(index))
    with checkout.checkout(git, head) as folder:
        assert (folder / "train.py").exists()
        monkeypatch.delenv("GIT_DIR")
        assert trees(project) == 2
    assert not index.exists()


def test_a_dead_run_leaves_nothing_for_long(project, git):
    head = project.git("rev-parse", "HEAD")
    code = (
        "import os, pathlib, sys\n"
        "from pytest_ouro.evidence.git.client import Git\n"
        "from pytest_ouro.experiment.steps import checkout\n"
        "with checkout.checkout(Git.discover(pathlib.Path(sys.argv[1])), sys.argv[2]):\n"
        "    os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(project.path), head], check=True)
    assert trees(project) == 2
    with checkout.checkout(git, head):
        assert trees(project) == 2
    assert trees(project) == 1


def test_a_worktree_of_the_person_that_is_away_is_not_forgotten(project, git, tmp_path):
    """Its folder may be on a disk that is not mounted now."""
    project.git("worktree", "add", "-q", str(tmp_path / "theirs"))
    (tmp_path / "theirs").rename(tmp_path / "away")
    with checkout.checkout(git, project.git("rev-parse", "HEAD")):
        pass
    assert trees(project) == 2


def test_links_of_a_worktree_may_be_relative(project, git, tmp_path):
    folder = tmp_path / "beside"
    project.git("worktree", "add", "-q", "-b", "beside", str(folder))
    entry = project.path / ".git/worktrees/beside"
    link = os.path.relpath(folder / ".git", entry)
    (folder / ".git").write_text(f"gitdir: {os.path.relpath(entry, folder)}\n")
    (entry / "gitdir").write_text(f"{link}\n")

    assert dict(working_tree.names(git.common_dir)) == {"beside": folder}
    for place in (project.path, folder):
        found = Git.discover(place)
        assert found.common_dir == git.common_dir
        with checkout.checkout(found, project.git("rev-parse", "HEAD")) as tree:
            assert (tree / "train.py").exists()
    assert (entry / "gitdir").read_text() == f"{link}\n"


@pytest.mark.parametrize(("xdg", "base"), [("/var/tmp/x", "/var/tmp/x"), ("", None)])
def test_cache_folder(monkeypatch, xdg, base):
    monkeypatch.setenv("XDG_CACHE_HOME", xdg)
    base = base or os.path.join(os.environ["HOME"], ".cache")  # noqa: PTH118
    assert str(checkout.cache_folder()) == f"{base}/pytest-ouro"


@pytest.mark.parametrize("name", ["XDG_CACHE_HOME", "HOME"])
def test_a_cache_in_the_repository_does_not_close_the_gate(lab, monkeypatch, name):
    """As CI services set it."""
    lab.commit(lab.script())
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv(name, str(lab.path / "inside"))
    assert lab.run().status == "keep"
    assert lab.run().reason == "unchanged"
    lab.project.git("add", "-A")
    assert lab.project.git("status", "--short") == ""
    lab.project.write({"inside/other": "not of the cache"})
    assert lab.run().status == "closed"


@pytest.mark.parametrize("name", [".gitignore", "locks/cpu.holder", "locks"])
def test_no_link_in_a_cache_that_a_repository_brings_along_is_followed(
    lab, monkeypatch, tmp_path, name
):
    (tmp_path / "victim").write_text("precious")
    link = lab.path / ".cache/pytest-ouro" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "victim")
    monkeypatch.setenv("XDG_CACHE_HOME", str(lab.path / ".cache"))
    with contextlib.suppress(OuroError):
        lab.run(lab.script())
    assert (tmp_path / "victim").read_text() == "precious"
