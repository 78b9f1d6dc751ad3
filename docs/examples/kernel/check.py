"""The command of a guard: compare the kernel's product of small matrices with one in Python."""

import array
import os
import shlex
import subprocess
import sys

SIZES = (1, 6, 17)


def product(n, a, b):
    columns = [b[j::n] for j in range(n)]
    rows = [a[n * i : n * i + n] for i in range(n)]
    return [
        sum(x * y for x, y in zip(row, column, strict=True)) % 2**32
        for row in rows
        for column in columns
    ]


questions, right = array.array("I"), []
for n in SIZES:
    numbers = array.array("I", os.urandom(2 * 4 * n * n))
    questions += array.array("I", [n, 1]) + numbers
    right += product(n, numbers[: n * n], numbers[n * n :])
done = subprocess.run(
    [*shlex.split(os.environ["OURO_CONFINE"]), "./kernel"],
    input=questions.tobytes(),
    stdout=subprocess.PIPE,
    check=True,
)
if [*array.array("I", done.stdout)] != right:
    sys.exit("the product of small matrices is wrong")
