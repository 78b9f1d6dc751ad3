"""Code for the evaluation of a command: start the candidate's programs, and see what runs its
code."""

import os


def output(fd: int) -> str:
    """Return "DEVICE:INODE", which identifies the pipe or file that a descriptor is open on."""
    found = os.fstat(fd)
    return f"{found.st_dev}:{found.st_ino}"
