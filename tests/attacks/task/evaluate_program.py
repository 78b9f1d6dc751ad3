"""Run a program that the command built, then compare the predictions with the answers."""

import os
import shlex
import subprocess
from pathlib import Path

from task import FOLDER

candidate = Path(os.environ["OURO_CANDIDATE"])
answers = [*(FOLDER / "answers.txt").read_text().split(), *Path("held_out.txt").read_text().split()]
confined = shlex.split(os.environ["OURO_CONFINE"])
done = subprocess.run([*confined, "./program"], stdout=subprocess.PIPE, text=True, check=True)
assert done.stdout == "built\n"
predictions = (candidate / "predictions.txt").read_text().split()
wrong = sum(one != other for one, other in zip(predictions, answers, strict=True))
print(f"error: {wrong / len(answers):.6f}")
