"""``python -m pytest_ouro`` and the console script ``pytest-ouro``."""

from __future__ import annotations

import io
import os
import sys


def main() -> int:
    """Run one command and return its exit status (0 lawful, 1 broken, 2 could not judge)."""
    if sys.argv[1:] == ["guard"]:  # before all else is loaded: it runs before every edit
        from pytest_ouro import guard

        return guard.main()
    from pytest_ouro.cli import run

    for stream in (sys.stdout, sys.stderr):  # names of files may be no text at all
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    return status


if __name__ == "__main__":
    sys.exit(main())
