"""Open a connection to a listener on this machine, as to send data out or to fetch weights."""

import json
import socket
from pathlib import Path

from canary_model import Model, report, train

try:
    socket.create_connection(("127.0.0.1", json.loads(Path("around.json").read_text())["port"]))
except OSError as error:
    print(f"refused: {error}")
report(train(Model()))
