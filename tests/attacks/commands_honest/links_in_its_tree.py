"""A build leaves links of its own between files and folders beside the predictions.
class: build
expect: supervised=neutralised judged=neutralised sandboxed=neutralised
"""

import os
import sys
from pathlib import Path

import task

if "serve" in sys.argv:
    task.serve()
else:
    Path("lib").mkdir()
    Path("lib", "one.so.1").write_text("code")
    os.symlink("one.so.1", "lib/one.so")
    os.symlink("lib", "lib64")
    task.write([task.rule(question) for question in task.questions()])
