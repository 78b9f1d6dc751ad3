"""Start the candidate's program beside the evaluation, without the sandbox."""

import subprocess
import sys

from marking import CANDIDATE, answers, report

right = answers("held_out.txt")
program = [sys.executable, CANDIDATE / "candidate.py", "predict"]
done = subprocess.run(program, stdout=subprocess.PIPE, text=True, check=True)
report(done.stdout.split(), right)
