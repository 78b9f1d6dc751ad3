"""Make the miniature command: its questions and answers, its repository, its rules."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

from catalogue import HERE
from pytest_ouro.cli.bless import bless

#: The number of questions, and the share of answers that no rule can know.
QUESTIONS, CHANCE = 400, 0.3

BOUND = """\
[bound]
name = "miniature command"

[experiment]
command          = ["python", "candidate.py"]
evaluate-command = ["python", "{evaluation}"]
editable         = ["candidate.py"]
artefacts        = ["predictions.*", "candidate.py", "out/"]
metric           = "error"
budget           = 30
timeout          = 60
device           = "cpu"
level            = "{level}"
highest          = "{level}"
data             = ["~/.cache/task/questions.txt"]
validation       = ["~/.cache/task/answers.txt", "held_out.txt"]

[verdict]
noise = 0.0

[[danger-zone]]
id    = "evaluation"
rule  = "The task, its answers and its evaluation are fixed."
check = "frozen"
paths = ["task.py", "marking.py", "held_out.txt", "{evaluation}"]

[[never-do]]
id    = "skip-logging"
rule  = "Every run is logged."
check = "logged"

[[iron-law]]
id    = "only-candidate-py"
rule  = "Only candidate.py is changed."
check = "scope"
"""


def write_task(project: Any, level: str, evaluation: str) -> float:
    """Write the data below HOME and the experiment to an empty repository; return the best error
    that can be expected of half of the questions."""
    dice = random.Random(3)
    asked = [dice.randrange(10**6) for _ in range(QUESTIONS)]
    chance = [dice.random() < CHANCE for _ in asked]
    answers = [
        f"{int(one % 3 == 0) ^ flipped}\n" for one, flipped in zip(asked, chance, strict=True)
    ]
    half = QUESTIONS // 2
    folder, path = Path.home() / ".cache" / "task", project.path
    folder.mkdir(parents=True)
    (folder / "questions.txt").write_text("".join(f"{one}\n" for one in asked))
    (folder / "answers.txt").write_text("".join(answers[:half]))
    (path / "held_out.txt").write_text("".join(answers[half:]))
    for file in ("task.py", "marking.py", evaluation):
        shutil.copy(HERE / "task" / file, path)
    (path / "bound.toml").write_text(BOUND.format(level=level, evaluation=evaluation), "utf-8")
    (path / "candidate.py").write_text("# none yet\n")
    (path / ".gitignore").write_text("run.log\nresults.tsv\n")
    project.commit("the experiment")
    bless(path / "bound.toml")
    project.commit("bless")
    return min(sum(chance[:half]), sum(chance[half:])) / half
