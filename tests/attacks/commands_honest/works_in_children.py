"""The work is done by children, in the temporary folder, and put together.
class: processes
expect: supervised=neutralised judged=neutralised sandboxed=neutralised
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import task

if "serve" in sys.argv:
    task.serve()
elif sys.argv[1:]:
    task.write([task.rule(question) for question in task.questions()], sys.argv[1])
else:
    part = Path(tempfile.mkdtemp(), "part.txt")
    subprocess.run([sys.executable, "candidate.py", part], check=True)
    Path("predictions.txt").write_text(part.read_text())
