"""The help of a broken rule is one command; obeyed in the state that printed it, it heals."""

import re
import subprocess

import pytest

from pytest_ouro import guard
from pytest_ouro.engine import Answer, check_all, open_case
from pytest_ouro.engine.history import check_history
from pytest_ouro.guard import hosts
from pytest_ouro.report.text import render


def idea(project, value="1.0"):
    project.write({"train.py": f"MODEL = {value}\n"})
    return project.commit(f"idea {value}")


def widened(project):
    idea(project)
    project.write({"prepare.py": "EVAL = 1\n"})
    project.commit("widen eval")


def widened_with_an_idea(project):
    idea(project)
    project.write({"prepare.py": "EVAL = 1\n", "train.py": "MODEL = 0.5\n"})
    project.commit("widen eval, and an idea")


def widened_before_an_idea(project):
    widened(project)
    idea(project, "0.5")


def widened_and_edited(project):
    widened(project)
    project.write({"prepare.py": "EVAL = 2\n", "train.py": "MODEL = 0.5\n"})


def widened_twice(project):
    widened(project)
    project.write({"prepare.py": "EVAL = 2\n"})
    project.commit("wider")


def widened_and_staged(project):
    project.write({"prepare.py": "EVAL = 1\n"})
    project.git("add", "prepare.py")


def widened_in_a_merge(project):
    project.git("checkout", "-q", "-b", "side")
    project.write({"prepare.py": "EVAL = 1\n"})
    project.commit("widen eval")
    project.git("checkout", "-q", "main")
    idea(project)
    project.git("merge", "-q", "--no-edit", "side")


def files_beside(project):
    project.write({"a.md": "words\n", "b.so": "\0\0"})
    project.git("add", "-f", "a.md", "b.so")
    project.git("commit", "-qm", "notes")
    idea(project)


def files_in_three_places(project):
    project.write({"a.md": "words\n"})
    project.commit("notes")
    project.write({"b.md": "words\n"})
    project.git("add", "b.md")
    project.write({"c.md": "words\n", "pyproject.toml": "[project]\n"})


def a_package(project):
    project.edit("pyproject.toml", '["six"]', '["six", "numpy"]')
    project.commit("numpy")
    idea(project)


def a_package_for_a_while(project):
    text = (project.path / "pyproject.toml").read_text()
    a_package(project)
    project.write({"pyproject.toml": text})
    project.commit("no numpy")


def results(project):
    project.write({"results.tsv": "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"})
    project.git("add", "-f", "results.tsv")
    project.git("commit", "-qm", "all there is")


def no_script(project):
    project.git("rm", "-q", "train.py")
    project.git("commit", "-qm", "no script")


def no_script_on_the_disk(project):
    (project.path / "train.py").unlink()


def a_socket(project):
    project.write({"train.py": "import socket\nMODEL = 1.0\n"})
    project.commit("socket")


STATES = [
    *(widened, widened_with_an_idea, widened_before_an_idea, widened_and_edited, widened_twice),
    *(widened_and_staged, widened_in_a_merge, files_beside, files_in_three_places, a_package),
    *(a_package_for_a_while, results, no_script, no_script_on_the_disk, a_socket),
]


def refusal(project, command):
    """Why the guard refuses a shell command to an agent; "" if it may run it."""
    call = {"cwd": str(project.path), "hook_event_name": "PreToolUse", "tool_name": "Bash"}
    return guard.reason(hosts.read({**call, "tool_input": {"command": command}}))


def answer(project, judge):
    case = open_case(project.path / "bound.toml")
    try:
        found = Answer(case, judge(case))
        return found.broken, render([found])
    finally:
        case.close()


def first_command(text):
    """The command of the first help, without the words around it."""
    help = re.search(r"^ *help: (.*)$", text, re.MULTILINE)[1]
    return re.search(r"(?:git|rm) .*", re.split(r"   \(|, then |, or ", help)[0])[0]


@pytest.mark.tier(2, but=8)
@pytest.mark.usefixtures("laws")
@pytest.mark.parametrize("judge", [check_all, check_history], ids=["gate", "history"])
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_the_first_command_of_the_help_heals(project, state, judge):
    trust = project.git("rev-parse", "HEAD")
    state(project)
    assert answer(project, judge)[0]
    for _ in range(5):
        broken, text = answer(project, judge)
        if not broken:
            break
        command = first_command(text)
        assert refusal(project, command) == "", command
        subprocess.run(["sh", "-ec", command], cwd=project.path, check=True, capture_output=True)
        commit = ["git", "commit", "-qam", "as the help says"]
        subprocess.run(commit, cwd=project.path, check=False, capture_output=True)
    else:
        pytest.fail(f"still broken:\n{text}")

    assert project.git("merge-base", "HEAD", trust) == trust
    if "idea" in state.__name__:
        assert "MODEL = 0.5" in (project.path / "train.py").read_text()
    if state is results:
        assert (project.path / "results.tsv").is_file()
