"""What the evaluations of the miniature command share: the answers, new questions, the error."""

import os
import secrets
import shlex
import subprocess
import sys
from pathlib import Path

from task import FOLDER, rule

CANDIDATE = Path(os.environ["OURO_CANDIDATE"])


def answers(*others):
    """The answers that are not in git, then those of ``others``, files of the repository."""
    files = (FOLDER / "answers.txt", *map(Path, others))
    return [answer for file in files for answer in file.read_text().split()]


def ask(asked):
    """The answers of the candidate's program, in the sandbox."""
    return subprocess.run(
        [*shlex.split(os.environ["OURO_CONFINE"]), "python", "candidate.py", "serve"],
        input="".join(f"{question}\n" for question in asked) + "\n",
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.split()


def demand_rule():
    """End the evaluation unless the candidate's program answers new questions by the rule."""
    asked = [secrets.randbelow(10**6) for _ in range(20)]
    if ask(asked) != [str(rule(question)) for question in asked]:
        sys.exit("the program answers wrongly")


def report(predictions, right):
    """Print the share of wrong predictions."""
    wrong = sum(str(one) != other for one, other in zip(predictions, right, strict=True))
    print(f"error: {wrong / len(right):.6f}")
