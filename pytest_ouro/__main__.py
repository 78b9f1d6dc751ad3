"""``python -m pytest_ouro`` and the console script ``pytest-ouro``."""

from __future__ import annotations

import io
import os
import sys


def main() -> int:
    """Run one command and return its exit status (0 lawful, 1 broken, 2 could not judge)."""
    _import_nothing_judged()
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
    if os.environ.get("PYTHONINSPECT"):  # an interpreter that stays would end with 0
        os._exit(status)
    return status


def _import_nothing_judged() -> None:
    """Drop what would let the folder that is judged, or PYTHONPATH, stand in for a module.

    ``python -I`` never has them; what they did before this line, nothing here can undo.
    """
    if sys.flags.isolated:
        return
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    given = ["", *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    foreign = {os.path.abspath(folder) for folder in given} - {own}  # noqa: PTH100
    sys.path[:] = [p for p in sys.path if os.path.isabs(p) and p not in foreign]  # noqa: PTH117


if __name__ == "__main__":
    sys.exit(main())
