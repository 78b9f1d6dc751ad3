"""Start the candidate's program beside the evaluation, without the sandbox."""

import os
import subprocess
import sys
from pathlib import Path

from task import FOLDER

answers = [*(FOLDER / "answers.txt").read_text().split(), *Path("held_out.txt").read_text().split()]
program = Path(os.environ["OURO_CANDIDATE"], "candidate.py")
done = subprocess.run(
    [sys.executable, program, "predict"], stdout=subprocess.PIPE, text=True, check=True
)
wrong = sum(one != other for one, other in zip(done.stdout.split(), answers, strict=True))
print(f"error: {wrong / len(answers):.6f}")
