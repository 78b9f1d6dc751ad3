"""Run a program that the command built, then compare the predictions with the answers."""

import os
import shlex
import subprocess

from marking import CANDIDATE, answers, report

right = answers("held_out.txt")
confined = shlex.split(os.environ["OURO_CONFINE"])
done = subprocess.run([*confined, "./program"], stdout=subprocess.PIPE, text=True, check=True)
assert done.stdout == "built\n"
report((CANDIDATE / "predictions.txt").read_text().split(), right)
