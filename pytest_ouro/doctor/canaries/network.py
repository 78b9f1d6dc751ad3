"""Calls a listener on this machine, as one would who sends the data out or fetches weights."""

import json
import socket
from pathlib import Path

from canary_model import Model, report, trained

try:
    socket.create_connection(("127.0.0.1", json.loads(Path("around.json").read_text())["port"]))
except OSError as error:
    print(f"refused: {error}")
report(trained(Model()))
