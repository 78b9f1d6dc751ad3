"""Pass the numbers of runs on to trackio or wandb, in a process of its own.

It is executed by its path: what the library starts, waits for or uses is not part of a run, and a
failure of it ends nothing else. Each line of standard input is an object of JSON: ``name`` and
``config`` begin a run, ``log`` has numbers of it, ``finish`` ends it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from typing import Any


def main(library: str, project: str) -> None:
    """Import ``library`` and write ``ready`` to standard output; then read lines until the input
    ends, and make the calls of the library that they ask for, in the project ``project``. A run
    that is open then is finished. Raise ValueError for a line that is not JSON, and whatever the
    library raises."""
    answer = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # what the library prints is not for the session
        module: Any = importlib.import_module(library)
        answer.write("ready\n")
        answer.flush()
        open_run = False
        for line in sys.stdin:
            message = json.loads(line)
            if "name" in message:
                module.init(project=project, name=message["name"], config=message["config"])
                open_run = True
            if "log" in message:
                module.log(message["log"])
            if message.get("finish"):
                module.finish()
                open_run = False
        if open_run:
            module.finish()


if __name__ == "__main__":
    main(*sys.argv[1:])
