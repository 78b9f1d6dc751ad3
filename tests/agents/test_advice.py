"""The advice of a refusal fits what was tried."""

import subprocess

import pytest

from pytest_ouro.guard.advice import HELP

#: By the key of `HELP`: calls, each with the words of its refusal's advice.
TRIED = {
    "change": (
        "put the idea into train.py instead. A person may change it",
        ["echo > prepare.py", "sed -i s/a/b/ prepare.py", "cp train.py prepare.py"],
    ),
    "scope": (
        "put the idea into train.py instead, and notes outside of the repository",
        ["echo > helper.py", "cp train.py other.py"],
    ),
    "named": ("write each file by its plain name", ["pwsh -c '[IO.File]::Delete(\"prepare.py\")'"]),
    "remove": ("leave it where it is", ["rm prepare.py", "mv prepare.py p", "git rm prepare.py"]),
    "restore": (
        "restore what is trusted: git -C ",
        ["git checkout -- prepare.py", "git checkout none prepare.py", "git restore prepare.py"],
    ),
    "add": ("git add -u adds what you changed", ["git add results.tsv", "git add -f ."]),
    "rules": (
        "leave the rules as they are. If one is wrong, tell the person",
        ["echo > bound.toml", "rm bound.lock", "echo >> AGENTS.md"],
    ),
    "settings": (
        "leave the hooks and settings as they are",
        ["echo > .git/hooks/pre-commit", "rm .claude/settings.json", "echo >> .git/config",
         "echo > .pre-commit-config.yaml"],
    ),
    "records": ("read them by: pytest-ouro log", ["rm -r .git/ouro", "echo > .git/ouro/x"]),
    "no-verify": (
        "let the hooks run, and do what their help says",
        ["git commit --no-verify -m x", "git commit -nm x", "git push --no-verify",
         "git merge --no-verify x", "SKIP=gate git commit -m x"],
    ),
    "hooks": (
        "leave the hooks on, and do what their help says",
        ["git config core.hooksPath x", "git -c core.hooksPath=x commit", "pytest-ouro uninit",
         "pre-commit uninstall"],
    ),
    "trust": ("leave what is trusted as it is", ["git config ouro.trust HEAD"]),
    "bless": (
        "commit what you changed in train.py, undo what you changed elsewhere, and ask the person",
        ["pytest-ouro bless", "pytest-ouro init --force"],
    ),
    "install": (
        "do it in train.py with what is installed",
        ["pip install einops", "uv add einops", "conda install x"],
    ),
}  # fmt: skip


@pytest.fixture
def advice(project, refused, monkeypatch):
    """``advice(command)``: what a shell's command is refused with, behind what is wrong."""
    rules = '\n[[never-do]]\nid = "{0}"\nrule = "X."\ncheck = "{0}"\n'
    text = (project.path / "bound.toml").read_text()
    if 'check = "untracked"' not in text:
        text += rules.format("untracked") + 'paths = ["results.tsv"]\n'
    if 'check = "dependencies"' not in text:
        text += rules.format("dependencies")
    project.write({"bound.toml": text, "AGENTS.md": "## BOUND\n", ".claude/settings.json": "{}"})
    project.bless()
    project.write({"results.tsv": "x\n", ".git/ouro/x": ""})

    def advice(command):
        said, separator, advice = refused("Bash", command=command).partition(
            "Do not retry it in another way: "
        )
        assert separator, f"{command} is not refused: {said}"
        return advice

    return advice


def stage_another_version(project):
    project.write({"prepare.py": "x = 1\n"})
    project.git("add", "prepare.py")


def test_every_sort_of_advice_is_tried():
    assert TRIED.keys() == HELP.keys()


def test_the_advice_fits_what_was_tried(project, advice):
    stage_another_version(project)
    for key, (words, commands) in TRIED.items():
        for command in commands:
            said = advice(command)
            assert words in said, command
            if key not in ("change", "scope", "named", "remove", "install", "bless"):
                assert "train.py" not in said, command


def test_the_command_that_restores_is_lawful_and_heals(project, advice, shell):
    stage_another_version(project)
    command = advice("git checkout -- prepare.py").partition("trusted: ")[2]

    assert shell(command) == ""
    subprocess.run(command, shell=True, check=True, cwd="/")

    assert project.ouro("gate").returncode == 0


def test_without_a_committed_blessing_there_is_no_such_command(project, advice):
    project.write({"bound.toml": (project.path / "bound.toml").read_text() + "# more\n"})
    assert project.ouro("bless").returncode == 0
    stage_another_version(project)

    assert "put the idea into train.py" in advice("git checkout -- prepare.py")


def test_what_the_trusted_commit_does_not_have_cannot_be_restored_from_it(project, advice):
    project.git("checkout", "-q", "-b", "idea")
    project.commit("another", {"helper.py": "x = 1\n"})
    project.git("checkout", "-q", "-")

    assert advice("git checkout idea -- helper.py").startswith("put the idea into train.py instead")


def test_what_the_advice_names_passes(advice, shell):
    assert shell("git add -u") == shell("pytest-ouro log") == ""


def test_an_agent_s_own_tools_get_the_same_advice(advice, refused):
    assert "put the idea into train.py instead." in refused("Edit", file_path="prepare.py")
    assert "notes outside of the repository" in refused("Write", file_path="notes.md")
    assert "leave the rules as they are" in refused("Edit", file_path="bound.toml")
    assert "leave the hooks and settings" in refused("Edit", file_path=".claude/settings.json")
