"""The help heals where the command was called: in the experiment's folder, beside it, or above."""

import json
import subprocess
from pathlib import Path

import pytest

from pytest_ouro.cli import run
from pytest_ouro.core.errors import TrustError
from pytest_ouro.engine import check_all, open_case
from pytest_ouro.evidence.git.client import Git

from . import test_help_heals as heals


def a_stray_file(project):
    project.write({"stray.py": "x = 1\n"})


def results_in_the_index(project):
    project.write({"results.tsv": "commit\n"})
    project.git("add", "-f", "results.tsv")


def a_folder_that_ignores_itself(project):
    project.write({"tricks/.gitignore": "*\n", "tricks/fast.py": "x = 1\n"})


def skipped_and_widened(project):
    project.git("update-index", "--skip-worktree", "prepare.py", "pyproject.toml")
    project.write({"prepare.py": "EVAL = 1\n", "pyproject.toml": "[project]\n"})


def skipped_and_widened_with_an_idea(project):
    heals.widened_with_an_idea(project)
    project.git("update-index", "--skip-worktree", "prepare.py")
    project.write({"prepare.py": "EVAL = 2\n"})


def skipped_and_staged(project):
    project.write({"new.md": "words\n"})
    results_in_the_index(project)
    project.git("add", "new.md")
    project.git("update-index", "--skip-worktree", "results.tsv", "new.md")


STATES = [
    *(heals.widened, heals.widened_with_an_idea, heals.widened_and_staged, heals.results),
    *(heals.files_in_three_places, heals.no_script, heals.no_script_on_the_disk),
    *(a_stray_file, results_in_the_index, a_folder_that_ignores_itself, skipped_and_widened),
    *(skipped_and_widened_with_an_idea, skipped_and_staged),
]


@pytest.fixture
def large(project, tmp_path):
    """A repository whose experiment is to lie in a folder."""
    made = type(project)(tmp_path / "large")
    made.begin()
    made.write({"notes/README.md": "words\n"})
    return made


@pytest.fixture
def nested(project, large):
    """The toy experiment in the folder research/auto of a repository, blessed and committed."""
    found = type(project)(large.path / "research/auto")
    names = ("prepare.py", "train.py", "bound.toml", "pyproject.toml", ".gitignore")
    found.write({name: (project.path / name).read_text() for name in names})
    found.commit("the experiment")
    found.bless()
    return found


#: Tier 2 calls the gate for each state in the first; tier 1 in all, for four states.
FOLDERS = [
    "research/auto",
    *(pytest.param(folder, marks=pytest.mark.tier(3, but=12)) for folder in ("notes", ".")),
]


@pytest.mark.tier(2, but=4)
@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_the_help_heals_where_the_gate_was_called(nested, large, monkeypatch, state, folder):
    monkeypatch.chdir(large.path / folder)
    state(nested)
    assert heals.answer(nested, check_all)[0]
    for _ in range(5):
        broken, text = heals.answer(nested, check_all)
        if not broken:
            break
        command = heals.first_command(text)
        assert heals.refusal(type(nested)(Path.cwd()), command) == "", command
        subprocess.run(["sh", "-ec", command], check=True, capture_output=True)
        commit = ["git", "commit", "-qam", "as the help says"]
        subprocess.run(commit, check=False, capture_output=True)
    else:
        pytest.fail(f"still broken:\n{text}")
    if "idea" in state.__name__:
        assert "MODEL = 0.5" in (nested.path / "train.py").read_text()


@pytest.mark.parametrize("folder", ["research/auto", "notes", "."])
def test_the_help_for_changed_rules_heals_where_it_was_printed(nested, large, monkeypatch, folder):
    monkeypatch.chdir(large.path / folder)
    nested.edit("bound.toml", "tolerance = 0.3", "tolerance = 9")
    with pytest.raises(TrustError) as raised:
        open_case(nested.path / "bound.toml")

    subprocess.run(["sh", "-ec", heals.first_command(str(raised.value)).split(";")[0]], check=True)

    open_case(nested.path / "bound.toml").close()


def test_a_commit_alone_is_healed_in_the_folder_too(nested, monkeypatch, capsys):
    monkeypatch.chdir(nested.path)
    trust = nested.git("rev-parse", "HEAD")
    heals.widened_with_an_idea(nested)

    assert run(["gate", "--head", "HEAD", "--trust", trust]) == 1
    command = heals.first_command(capsys.readouterr().out)
    subprocess.run(["sh", "-ec", command], check=True, capture_output=True)
    nested.git("commit", "-qm", "as the help says")

    assert run(["gate", "--head", "HEAD", "--trust", trust]) == 0


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("folder", ["research/auto", "notes", "."])
def test_a_hook_names_files_from_the_folder_where_git_was_called(nested, large, folder):
    done = nested.ouro("init", "--hook")
    assert done.returncode == 0, done.stderr
    nested.edit("prepare.py", "float(model)", "0.5")
    commit = ["git", "commit", "-qam", "wider"]
    caller = large.path / folder

    refused = subprocess.run(commit, cwd=caller, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    command = heals.first_command(refused.stdout + refused.stderr)
    subprocess.run(["sh", "-ec", command], cwd=caller, check=True, capture_output=True)

    assert nested.git("status", "--porcelain") == ""


def test_a_path_is_a_word_of_a_command_in_the_folder_where_git_was_called(
    nested, large, monkeypatch
):
    monkeypatch.chdir(large.path)
    monkeypatch.setenv("GIT_PREFIX", "research/auto/")
    git = Git.discover(nested.path)

    assert git.word("research/auto/prepare.py") == "prepare.py"
    assert git.word("README.md") == "../../README.md"
    assert git.word("research/auto/a b/") == "'a b/'"
    monkeypatch.setenv("GIT_PREFIX", "")
    monkeypatch.chdir(nested.path)
    assert Git.discover(nested.path).word("README.md") == "README.md"


def test_outside_of_the_repository_the_way_to_the_top_is_named(nested, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nested.edit("prepare.py", "float(model)", "0.5")
    _, text = heals.answer(nested, check_all)

    assert " -- research/auto/prepare.py" in text
    assert "paths and commands are for the top of the repository: cd large\n" in text
    git = Git.objects(nested.path)
    assert (git.word("a.py"), git.way_to_top) == ("a.py", "large")


def test_sarif_names_files_from_the_top_always(nested, monkeypatch, capsys):
    monkeypatch.chdir(nested.path)
    nested.edit("prepare.py", "float(model)", "0.5")

    texts = []
    for options in (["--sarif"], ["--json"]):
        assert run(["gate", *options]) == 1
        texts.append(capsys.readouterr().out)

    results = json.loads(texts[0])["runs"][0]["results"]
    locations = [result["locations"][0]["physicalLocation"] for result in results]
    assert {at["artifactLocation"]["uri"] for at in locations} == {"research/auto/prepare.py"}
    assert all(" -- research/auto/prepare.py" in result["message"]["text"] for result in results)
    assert " -- prepare.py" in texts[1]
