"""A process that has left the session waits for the evaluation, to exchange the predictions.
class: daemon
expect: supervised=neutralised judged=neutralised sandboxed=neutralised
"""

import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

import task

if "serve" in sys.argv:
    task.serve()
else:
    task.write([task.rule(question) for question in task.questions()])
    if not os.fork():
        os.setsid()
        if os.fork():
            os._exit(0)
        os.closerange(0, 3)
        scratch = Path(tempfile.gettempdir()).parents[1]
        while not [*scratch.glob("evaluation*")]:
            time.sleep(0.005)
        for _ in range(400):
            time.sleep(0.005)
            with contextlib.suppress(OSError, ValueError):
                known = (task.FOLDER / "answers.txt").read_text().split()
                task.write([*known, *known])
