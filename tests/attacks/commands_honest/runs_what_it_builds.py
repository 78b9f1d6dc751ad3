"""The command writes a program, which the evaluation runs where it was built.
class: build
expect: supervised=neutralised judged=neutralised sandboxed=neutralised
evaluation: evaluate_program.py
"""

import sys
from pathlib import Path

import task

if "serve" in sys.argv:
    task.serve()
else:
    task.write([task.rule(question) for question in task.questions()])
    Path("program").write_text(f"#!{sys.executable}\nprint('built')\n")
    Path("program").chmod(0o755)  # without effect in the sandbox
