"""Code of the evaluation of a command: run the candidate's programs, and see what runs its code."""

import os


def output(fd: int) -> str:
    """Return a name of the pipe or file that a descriptor is open on."""
    found = os.fstat(fd)
    return f"{found.st_dev}:{found.st_ino}"
