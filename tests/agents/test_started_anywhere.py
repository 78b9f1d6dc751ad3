"""The guard finds the rules of what a call changes, wherever the session started: in a sub-folder,
in a linked working tree, in another project, or in a folder without rules."""

import json

import pytest


@pytest.fixture(params=["../tree", ".claude/worktrees/x"])
def tree(project, request):
    """A linked working tree of the project: beside it, or below it as Claude Code makes it."""
    path = (project.path / request.param).resolve()
    project.git("worktree", "add", "-q", "--detach", str(path))
    (path / "sub").mkdir()
    return path


@pytest.fixture
def ask(refused, monkeypatch):
    """``ask(folder, tool, **given)``: why a session in the folder may not call the tool."""

    def ask(folder, tool, **given):
        monkeypatch.chdir(folder)
        return refused(tool, cwd=folder, **given)

    return ask


@pytest.fixture
def starts(project, tree, tmp_path):
    """Folders in which a session may start."""
    (project.path / "sub").mkdir()
    (tmp_path / "elsewhere").mkdir()
    return [project.path, project.path / "sub", tree, tree / "sub", tmp_path / "elsewhere"]


def test_a_file_of_a_linked_tree_is_judged_by_the_rules_of_that_tree(tree, ask, starts):
    for start in starts:
        assert "prepare.py is frozen" in ask(start, "Edit", file_path=str(tree / "prepare.py"))
        assert "prepare.py is frozen" in ask(start, "Bash", command=f"echo > {tree}/prepare.py")
        assert "is not one of the files" in ask(start, "Edit", file_path=str(tree / "new.py"))
        assert ask(start, "Edit", file_path=str(tree / "train.py")) == ""
        assert ask(start, "Bash", command=f"sed -i s/a/b/ {tree}/train.py") == ""


def test_a_file_of_the_project_is_judged_from_every_start(project, ask, starts):
    for start in starts:
        assert "prepare.py is frozen" in ask(start, "Write", file_path=f"{project.path}/prepare.py")
        assert ask(start, "Write", file_path=f"{project.path}/train.py") == ""


COMMANDS = [
    "cd {top} && git commit --no-verify -m x",
    "git -C {top} commit --no-verify -m x",
    "git -C {top} commit -nm x",
    "cd {top}/sub; SKIP=gate git commit -m x",
    "(cd {top}; pip install six)",
    "bash -c 'cd {top} && pip install six'",
    "cd {top} && pytest-ouro bless",
    "git -C {top} config core.hooksPath /dev/null",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_judged_by_the_rules_where_it_runs(project, tree, ask, tmp_path, command):
    (project.path / "sub").mkdir()
    for top in (project.path, tree):
        assert "Do not retry it" in ask(tmp_path, "Bash", command=command.format(top=top))
    assert ask(tmp_path, "Bash", command=command.format(top=tmp_path)) == ""


def test_powershell_too(project, ask, tmp_path):
    line = f"Set-Location {project.path}; pip install six"
    assert "installs a package" in ask(tmp_path, "PowerShell", command=line)
    assert ask(tmp_path, "PowerShell", command="pip install six") == ""


def test_another_repository_without_rules_below_the_project_is_not_free(project, ask):
    project.git("init", "-q", "other")

    assert "is not one of the files" in ask(project.path, "Edit", file_path="other/new.py")


@pytest.mark.parametrize("name", ["claude-edit", "codex-update", "gemini-edit", "cursor-write"])
def test_each_agent_in_a_linked_tree(tree, answer, recorded_payload, name):
    for word, status in (("allow", 0), ("deny", 2)):
        payload = recorded_payload(f"{name}-{word}", tree)
        assert answer(json.dumps(payload).encode(), tree / "sub").returncode == status
