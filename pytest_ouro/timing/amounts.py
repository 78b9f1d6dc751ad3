"""What is counted of a program: seconds of the wall clock, CPU seconds, or instructions."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal, get_args

Count = Literal["wall", "cpu", "instructions"]
COUNTS: tuple[Count, ...] = get_args(Count)

#: The words before a program by which ``perf`` counts the instructions of it and its children, in
#: user mode; the name of the file for the number follows.
_PERF = ("perf", "stat", "-x,", "-e", "instructions:u", "-o")


class Refused(SystemExit):
    """There is no lawful time: the arguments or an answer are wrong, a program failed, or this
    machine cannot count.

    Unless it is caught, Python prints its text to standard error and exits with status 1, which is
    how an evaluation says that there is no metric.
    """


def counting_words(file: str) -> list[str]:
    """Return the words to put before a program so that ``perf`` writes its number of instructions
    to ``file``. Raise `Refused` if there is no ``perf``."""
    if shutil.which(_PERF[0]) is None:
        raise Refused("instructions are counted by 'perf', which is not installed: count cpu")
    return [*_PERF, file, "--"]


def read_instructions(file: str) -> float:
    """Return the first number of instructions that ``perf`` wrote to a file. Raise `Refused` if it
    wrote none, as in most virtual machines."""
    with Path(file).open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            number, _, rest = line.partition(",")
            if "instructions" in rest and number.isdecimal():
                return float(number)
    raise Refused("perf counts no instructions on this machine: count cpu")
