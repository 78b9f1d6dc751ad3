"""Sends a signal to its supervisor, as one would who ends or stops it."""

import json
import os
import signal
from pathlib import Path

from canary_model import Model, report, trained

try:
    os.kill(json.loads(Path("around.json").read_text())["supervisor"], signal.SIGUSR1)
except OSError as error:
    print(f"refused: {error}")
report(trained(Model()))
