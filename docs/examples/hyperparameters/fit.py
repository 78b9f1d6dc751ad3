"""Fit a polynomial by gradient descent, as params.json says, and write its weights."""

import json
from pathlib import Path

from data import features, predict, rows

params = json.loads(Path("params.json").read_text())
examples = [(features(x, params["degree"]), y) for x, y in rows("train", 60)]
weights = [0.0] * (params["degree"] + 1)
for _ in range(params["steps"]):
    slope = [params["decay"] * w for w in weights]
    for inputs, y in examples:
        error = predict(weights, inputs) - y
        slope = [s + error * x / len(examples) for s, x in zip(slope, inputs, strict=True)]
    weights = [w - params["rate"] * s for w, s in zip(weights, slope, strict=True)]
Path("model.json").write_text(json.dumps(weights))
print(f"wrote {len(weights)} weights")
