"""The commands of docs/faq.md lead from an edit by a person to a gate that is open."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs/faq.md").read_text(encoding="utf-8")


def commands(question):
    """The commands of the first block below a heading, for this interpreter."""
    below = PAGE.partition(f"## {question}\n")[2]
    program = f"{shlex.quote(sys.executable)} -m pytest_ouro"
    block = re.search(r"```console\n(.*?)```", below, re.DOTALL)[1]
    return block.replace("pytest-ouro", program)


def follow(project, question):
    subprocess.run(
        ["sh", "-ec", commands(question)], cwd=project.path, check=True, capture_output=True
    )


EDITS = {
    "How do I change the budget?": ("bound.toml", "budget ", "budget   = 7 #"),
    "How do I allow a dependency once?": ("pyproject.toml", '["six"]', '["six", "numpy"]'),
    "How do I edit the harness with consent?": ("prepare.py", "A toy harness", "The toy harness"),
}


@pytest.mark.parametrize("question", EDITS)
def test_an_edit_by_a_person_is_lawful_after_the_commands(laws, gate, question):
    laws.edit(*EDITS[question])
    assert gate()[0] != 0

    follow(laws, question)

    assert laws.git("status", "--porcelain") == ""
    assert gate()[0] == 0


def test_a_blessing_is_taken_back(laws, gate):
    before = (laws.path / "bound.lock").read_text()
    question = "How do I edit the harness with consent?"
    laws.edit(*EDITS[question])
    follow(laws, question)

    follow(laws, "How do I take a blessing back?")

    assert (laws.path / "bound.lock").read_text() == before
    assert gate()[0] == 0


def test_a_new_baseline_is_lawful(laws, gate):
    follow(laws, "How do I start from a new baseline?")

    assert gate()[0] == 0
    assert "baseline = " in (laws.path / "bound.lock").read_text()


def test_each_question_has_an_answer():
    answers = re.split(r"^## .*\n", PAGE, flags=re.MULTILINE)[1:]

    assert len(answers) == len(re.findall(r"^## .*\?$", PAGE, re.MULTILINE)) >= 12
    assert all(40 < len(answer) < 900 for answer in answers)
