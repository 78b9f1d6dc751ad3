"""Compare the predictions with the answers, then ask the candidate's program new questions."""

import os
import secrets
import shlex
import subprocess
import sys
from pathlib import Path

from task import FOLDER, rule

candidate = Path(os.environ["OURO_CANDIDATE"])
answers = [*(FOLDER / "answers.txt").read_text().split(), *Path("held_out.txt").read_text().split()]
asked = [secrets.randbelow(10**6) for _ in range(20)]
process = subprocess.run(
    [*shlex.split(os.environ["OURO_CONFINE"]), "python", "candidate.py", "serve"],
    input="".join(f"{question}\n" for question in asked) + "\n",
    stdout=subprocess.PIPE,
    text=True,
    check=True,
)
if process.stdout.split() != [str(rule(question)) for question in asked]:
    sys.exit("the program answers wrongly")
predictions = (candidate / "predictions.txt").read_text().split()
wrong = sum(one != other for one, other in zip(predictions, answers, strict=True))
print(f"error: {wrong / len(answers):.6f}")
