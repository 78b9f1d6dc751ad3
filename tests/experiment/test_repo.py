"""The one caller of GitPython: no program of the repository runs, no variable is passed on."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_ouro
from pytest_ouro.core.errors import ExperimentError, GitError, OuroError
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.experiment.steps.settle import return_branch
from pytest_ouro.experiment.terms import repo, working_tree

PACKAGE = Path(pytest_ouro.__file__).parent


@pytest.fixture
def git(project):
    return Git.discover(project.path)


@pytest.fixture
def mark(tmp_path):
    """The file that a forbidden program would write."""
    return tmp_path / "ran"


def test_no_other_module_imports_gitpython():
    imports = re.compile(r"^\s*(?:from git(?:\.\w+)* import|import git\b)", re.MULTILINE)
    found = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if imports.search(path.read_text(encoding="utf-8"))
    ]
    assert found == ["experiment/terms/repo.py"]


def test_refs_are_written_and_listed(project, git):
    head = project.git("rev-parse", "HEAD")
    repo.set_ref(git, "refs/ouro/tried/7", head)
    assert repo.refs(git, "refs/ouro/tried/") == {"refs/ouro/tried/7": head}
    assert repo.refs(git, "refs/ouro/none/") == {}


def test_a_ref_of_no_commit_is_an_error(git):
    with pytest.raises(GitError, match="f" * 10):
        repo.set_ref(git, "refs/ouro/tried/7", "f" * 40)


def test_a_hook_on_refs_does_not_run(project, git, mark):
    hook = project.path / ".git/hooks/reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    repo.set_ref(git, "refs/ouro/tried/7", project.git("rev-parse", "HEAD"))
    assert not mark.exists()


@pytest.mark.parametrize("name", ["evil", "a=b", "a.b"])
@pytest.mark.parametrize("kind", ["smudge", "clean", "process"])
def test_no_filter_runs_when_a_branch_returns(project, git, mark, name, kind):
    project.write({".gitattributes": f"*.py filter={name}\n"})
    first = project.commit("attributes")
    project.edit("train.py", "import time", "import time, os")
    project.commit("next")
    project.git("config", f"filter.{name}.{kind}", f"sh -c 'touch {mark}; cat'")
    project.git("config", f"filter.{name}.required", "true")
    os.utime(project.path / "prepare.py", (1, 1))  # git must compare its contents
    return_branch(Git.discover(project.path), first)
    assert project.git("rev-parse", "HEAD") == first
    assert "import time, os" not in (project.path / "train.py").read_text()
    assert not mark.exists()


def test_no_filter_of_another_working_tree_s_settings_runs(project, git, mark, tmp_path):
    head = project.commit("attributes", {".gitattributes": "*.py filter=a=b\n"})
    settings = tmp_path / "settings"
    settings.write_text(f'[filter "a=b"]\nsmudge = "touch {mark}; cat"\nrequired = true\n')
    project.git("config", "includeIf.gitdir:**/worktrees/**.path", str(settings))
    folder = tmp_path / "tree"
    repo.add_worktree(git, folder, head)
    assert [path.name for path in folder.iterdir()] == [".git"]
    assert folder in [tree for _, tree in working_tree.names(git.common_dir)]
    assert not mark.exists()
    working_tree.remove(git.common_dir, folder.name, folder)
    assert [*working_tree.names(git.common_dir)] == []


def test_a_working_tree_that_is_written_as_files_is_one_to_git(project, git, tmp_path):
    head = project.commit("a folder", {"sub/one.txt": "1", "a.sh": "x", "sub.txt": "2"})
    folder = tmp_path / "tree"
    working_tree.add(git.common_dir, folder, head, git.tree(head))

    def ask(*words):
        done = subprocess.run(["git", *words], cwd=folder, check=True, stdout=subprocess.PIPE)
        return done.stdout.decode()

    assert ask("rev-parse", "HEAD", "--abbrev-ref", "HEAD") == f"{head}\nHEAD\n"
    assert ask("ls-files", "-s") == project.git("ls-files", "-s") + "\n"
    assert ask("write-tree").strip() == project.git("rev-parse", "HEAD^{tree}")
    ask("checkout", "--", ".")
    assert ask("status", "--porcelain") == ""
    assert str(folder) in project.git("worktree", "list")
    assert project.git("fsck") == ""
    working_tree.remove(git.common_dir, folder.name, folder)
    assert len(project.git("worktree", "list").splitlines()) == 1
    assert not (git.common_dir / "worktrees").exists()


def test_a_run_needs_no_gitpython(project):
    code = (
        "import pathlib, sys\nfrom pytest_ouro.evidence.git.client import Git\n"
        "from pytest_ouro.experiment.steps.checkout import checkout\n"
        "from pytest_ouro.experiment.terms import repo\n"
        "git = Git.discover(pathlib.Path.cwd())\nrepo.refs(git, 'refs/')\n"
        "repo.set_ref(git, 'refs/ouro/tried/1', git.head)\n"
        "with checkout(git, git.head): pass\nprint('git' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project.path, check=True, stdout=subprocess.PIPE
    )
    assert done.stdout == b"False\n"


def test_a_change_that_is_not_committed_is_not_lost(project, git):
    first = project.git("rev-parse", "HEAD")
    project.edit("train.py", "import time", "import time, os")
    project.commit("next")
    project.edit("train.py", "import time, os", "import sys")
    with pytest.raises(ExperimentError, match=r"train\.py differs from the commit"):
        return_branch(Git.discover(project.path), first)
    assert "import sys" in (project.path / "train.py").read_text()


def test_variables_are_not_passed_on_and_are_there_afterwards(project, git, monkeypatch, tmp_path):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.bare")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "maybe")
    before = dict(os.environ)
    assert repo.refs(git, "refs/heads/").keys() == {"refs/heads/main"}
    assert dict(os.environ) == before


def test_no_program_of_a_relative_path_is_taken_for_git(project, mark):
    """Nor during the import of GitPython, which runs git for its version."""
    program = project.path / "bin/git"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ntouch {mark}\nPATH="${{PATH#bin:}}" exec git "$@"\n')
    program.chmod(0o755)
    code = (
        "import pathlib\nfrom pytest_ouro.evidence.git.client import Git\n"
        "from pytest_ouro.experiment.terms import repo\n"
        "print(repo.branch_of(Git.discover(pathlib.Path.cwd()), 'HEAD'))\n"
    )
    env = {**os.environ, "PATH": f"bin:{os.environ['PATH']}"}
    subprocess.run([sys.executable, "-c", code], cwd=project.path, env=env, check=True)
    assert not mark.exists()


def test_a_pipe_among_the_refs_is_not_waited_for(git, monkeypatch):
    monkeypatch.setattr(repo, "_PATIENCE", 1)
    (git.common_dir / "refs/ouro/tried").mkdir(parents=True)
    os.mkfifo(git.common_dir / "refs/ouro/tried/1")

    with pytest.raises(OuroError, match="refs/ouro/tried/1 is not a regular file"):
        repo.refs(git, "refs/ouro/tried")
