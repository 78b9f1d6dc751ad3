"""``python -m pytest_ouro`` and the console script ``pytest-ouro``."""

from __future__ import annotations

import gc
import io
import os
import sys

TYPE_CHECKING = False  # typing itself must not be imported before the path is clean
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run one command and end with its status (0 lawful, 1 broken, 2 could not judge)."""
    try:
        os.getcwd()  # noqa: PTH109
    except OSError:  # a worktree that was removed, say
        sys.stderr.write(
            "ouro: error: the current folder is gone\n  help: cd into the repository\n"
        )
        os._exit(2)
    _import_nothing_judged()
    gc.disable()  # one short question: what it leaves behind goes with the process
    for stream in (sys.stdout, sys.stderr):  # names of files may be no text at all
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    status = _status()
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough
        status = 2
    # Not by way of the interpreter's own end: to take it apart costs as much as to start it, and
    # PYTHONINSPECT would turn any status into 0.
    os._exit(status)


def _status() -> int:
    try:
        if sys.argv[1:] == ["guard"]:  # before all else is loaded: it runs before every edit
            from pytest_ouro import guard

            return guard.main()
        from pytest_ouro.cli import run

        return run(sys.argv[1:])
    except BrokenPipeError:
        return 2
    except SystemExit as end:  # argparse has said what is wrong, or printed its help
        return end.code if isinstance(end.code, int) else 2
    except KeyboardInterrupt:
        return 130
    except Exception:
        import traceback

        traceback.print_exc()
        return 2


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
    main()
