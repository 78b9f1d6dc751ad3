"""The fixed evaluation: the mean squared error on held-out points, and the largest error."""

import json
import os
from pathlib import Path

from data import features, predict, rows

weights = json.loads(Path(os.environ["OURO_CANDIDATE"], "model.json").read_text())
degree = len(weights) - 1
errors = [predict(weights, features(x, degree)) - y for x, y in rows("held out", 500)]
print(f"worst_error: {max(abs(error) for error in errors):.6f}")
print(f"val_mse: {sum(error * error for error in errors) / len(errors):.6f}")
