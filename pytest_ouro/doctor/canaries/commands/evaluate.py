"""The fixed evaluation of the canaries: the share of predictions that are not the answers."""

import os
from pathlib import Path

predictions = Path(os.environ["OURO_CANDIDATE"], "predictions.txt").read_text().split()
answers = Path("answers.txt").read_text().split()
wrong = sum(one != other for one, other in zip(predictions, answers, strict=True))
print(f"error: {wrong / len(answers):.6f}")
