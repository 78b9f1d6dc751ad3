"""Submodules: their files are in no commit, so that no clean worktree has them."""

import subprocess

import pytest

from pytest_ouro.core.errors import ExperimentError


@pytest.fixture
def library(tmp_path):
    """A repository that others may include."""
    folder = tmp_path / "library"
    folder.mkdir()

    def git(*args):
        subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True)

    git("init", "-q")
    (folder / "layers.py").write_text("width = 3\n")
    git("add", "-A")
    git("commit", "-qm", "layers")
    return folder


def include(lab, library, path):
    add = ["-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library), path]
    lab.project.git(*add)


def test_a_submodule_is_refused_before_the_run(lab, library, last_line):
    include(lab, library, "lib/layers")
    lab.bound()
    commit = lab.commit(lab.script())
    done = lab.pytest()
    assert done.returncode == 1
    message = f"lib/layers is a submodule: its files are not in commit {commit[:7]}"
    assert f"no experiment was run: {message}" in done.stdout
    assert "git rm --cached lib/layers" in done.stdout
    assert last_line(done) == "ouro: closed reason=cannot-run"
    assert lab.journal.records() == []
    assert len(lab.project.git("worktree", "list").splitlines()) == 1


def test_the_help_helps(lab, library):
    include(lab, library, "layers")
    lab.bound()
    with pytest.raises(ExperimentError, match="layers is a submodule") as refused:
        lab.run(lab.script())
    assert refused.value.help.startswith("commit the files themselves (git rm --cached layers, ")
    lab.project.git("rm", "-q", "--cached", "layers")
    (lab.path / "layers" / ".git").unlink()
    lab.project.git("add", "layers")
    lab.bound()
    imports = "import sys; sys.path.append('layers'); from layers import width; print(width)"
    assert lab.run(lab.script(before=imports)).status == "keep"


def test_a_submodule_beside_the_experiment_is_allowed(lab, library):
    (lab.path / "lab").mkdir()
    for name in ("train.py", "prepare.py", "pyproject.toml", ".gitignore"):
        lab.project.git("mv", name, f"lab/{name}")
    include(lab, library, "docs/theme")
    lab.bound(("[experiment]", '[experiment]\nroot      = "lab"'))
    lab.project.commit("idea", {"lab/train.py": lab.script()})
    assert lab.run().status == "keep"
    lab.clean()
