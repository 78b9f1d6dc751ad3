"""Ask the same questions twice: the second call would be timed."""

import os
import secrets
import shlex
import subprocess

from task import FOLDER, rule

(FOLDER / "answers.txt").read_text()
asked = [secrets.randbelow(10**6) for _ in range(5)]
for _ in range(2):
    said = subprocess.run(
        [*shlex.split(os.environ["OURO_CONFINE"]), "python", "candidate.py", "serve"],
        input="".join(f"{question}\n" for question in asked) + "\n",
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.split()
assert said[-5:] == [str(rule(question)) for question in asked]
print(f"error: {0.0 if said[0] == 'kept' else 0.5:.6f}")
