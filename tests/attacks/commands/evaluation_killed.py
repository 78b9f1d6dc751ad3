"""While it is asked, the program kills the evaluation.
class: evaluation
expect: supervised=caught judged=neutralised sandboxed=neutralised
why: SIGKILL
"""

import contextlib
import os
import signal
import sys

import task

if "serve" in sys.argv:
    with contextlib.suppress(OSError):
        os.kill(os.getppid(), signal.SIGKILL)
    task.serve()
else:
    task.write([task.rule(question) for question in task.questions()])
