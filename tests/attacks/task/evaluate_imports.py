"""Import the candidate's module, and ask its function: the mistake that the level must show."""

import os
import sys
from pathlib import Path

from task import FOLDER

answers = [*(FOLDER / "answers.txt").read_text().split(), *Path("held_out.txt").read_text().split()]
sys.path.insert(0, os.environ["OURO_CANDIDATE"])
import candidate  # noqa: E402

predictions = [str(answer) for answer in candidate.predict()]
wrong = sum(one != other for one, other in zip(predictions, answers, strict=True))
print(f"error: {wrong / len(answers):.6f}")
