"""Programs for the evaluation of a command: `confine` starts a program of the candidate for it, and
`observe` reports if the evaluation itself runs the candidate's code."""

import os


def output(fd: int) -> str:
    """Return "DEVICE:INODE" of the pipe or file that a descriptor is open on. OURO_OUTPUT has that
    of the evaluation's standard output, by which `confine` recognises it."""
    found = os.fstat(fd)
    return f"{found.st_dev}:{found.st_ino}"
