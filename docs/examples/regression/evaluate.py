"""The fixed evaluation: the CPU time of the candidate relative to that of the reference.

Each runs in a process of its own, the candidate's in the sandbox; their CPU clocks are read here.
"""

import json
import secrets
import sys

from pytest_ouro.timing import Asked, compare

if sys.platform != "linux":
    sys.exit("it needs Linux, where one process can read the CPU clock of another")

WIDTH = 500


def question():
    """Return a line with new values, and the width of their sums."""
    values = [secrets.randbelow(1000) for _ in range(2_000)]
    return json.dumps([values, WIDTH]).encode() + b"\n"


def equal(answer, right):
    """Return whether two lines have the same sums."""
    return json.loads(answer) == json.loads(right)


with (
    Asked(["python", "calls.py", "fast"], candidate=True) as fast,
    Asked([sys.executable, "calls.py", "reference"]) as reference,
):
    found = compare(reference, fast, question, equal=equal)
print(f"peak_mb: {fast.peak_mb:.1f}")
print(found.report("cpu", factor=1000))
