"""The fixed evaluation: the CPU time of the kernel relative to that of the reference.

Each runs in a process of its own, the candidate's in the sandbox; their CPU clocks are read here.
"""

import os
import struct
import subprocess
import sys
import tempfile

from pytest_ouro.timing import Asked, compare

if sys.platform != "linux":
    sys.exit("it needs Linux, where one process can read the CPU clock of another")

N, ROUNDS = 160, 2
PRODUCT = 4 * N * N


def question():
    """Return two new matrices to multiply."""
    return struct.pack("=II", N, ROUNDS) + os.urandom(2 * PRODUCT)


with tempfile.TemporaryDirectory() as folder:
    built = f"{folder}/reference"
    subprocess.run(["cc", "-O3", "reference.c", "main.c", "-o", built], check=True)
    with (
        Asked(["./kernel"], candidate=True, length=PRODUCT) as kernel,
        Asked([built], length=PRODUCT) as reference,
    ):
        found = compare(reference, kernel, question)
print(found.report("cpu", factor=1000))
