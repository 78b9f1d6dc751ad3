"""``python -m pytest_ouro`` and the console script ``pytest-ouro``."""

from __future__ import annotations

import errno
import gc
import io
import os
import sys

TYPE_CHECKING = False  # typing itself must not be imported before the path is clean
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run the command in ``sys.argv`` and end the process with its exit status; never return.

    The status is 0 if all is lawful or done, 1 if a rule is broken or a demand is not met, as of
    ``doctor``, 2 for an error, also if the output cannot be written, and mostly 130 after Ctrl-C.
    ``guard`` has 2 also for a call that it refuses.
    """
    _open_streams()
    try:
        os.getcwd()  # noqa: PTH109
    except OSError:  # for example a removed worktree
        sys.stderr.write(
            "ouro: error: the current folder is gone\n  help: cd into the repository\n"
        )
        os._exit(2)
    _clean_import_path()
    gc.disable()  # the process is short: its memory is freed at the exit
    for stream in (sys.stdin, sys.stdout, sys.stderr):  # file names may contain invalid text
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    status = _status()
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has closed the pipe
        status = 2
    except OSError:  # for example a full disk
        status = _complain()
    # Skip the interpreter's shutdown: it takes as long as the start, and PYTHONINSPECT would turn
    # any status into 0.
    os._exit(status)


def _status() -> int:
    """Run the command and return its exit status; 130 after Ctrl-C. Return 2 for an error that no
    command handled, and say so on standard error.

    An OSError is taken to mean that standard output is lost: return 2, and say so on standard error
    unless the reader of a pipe has closed it.
    """
    try:
        if sys.argv[1:] == ["guard"]:  # it runs before every edit, so load nothing else
            from pytest_ouro import guard

            return guard.main()
        from pytest_ouro.cli import run

        return run(sys.argv[1:])
    except BrokenPipeError:
        return 2
    except SystemExit as end:  # argparse has printed an error or its help
        return end.code if isinstance(end.code, int) else 2
    except KeyboardInterrupt:
        return 130
    except OSError:  # what it says cannot be written
        return _complain()
    except Exception as error:
        sys.stderr.write(f"ouro: error: {error!a}\n  help: install pytest-ouro again\n")
        return 2


def _complain() -> int:
    """Say on standard error that standard output cannot be written; return the exit status 2."""
    sys.stderr.write(
        "ouro: error: standard output is closed or full: the answer could not be written\n"
        "  help: call it with an open standard output\n"
    )
    return 2


class _Closed(io.StringIO):
    """Replace a closed standard output: every write raises OSError."""

    def write(self, text: str) -> int:
        """Raise OSError."""
        raise OSError(errno.EBADF, os.strerror(errno.EBADF), "standard output")


def _open_streams() -> None:
    """Make sure that the standard streams exist, since the calling program may have closed them.

    Open the null device under the number (0 to 2) of each closed stream, so that no file opened
    later gets that number; as standard output, it refuses what is written. Then replace each of
    ``sys.stdin``, ``sys.stdout`` and ``sys.stderr`` that is None: standard input by an empty one,
    standard output by one whose writes raise OSError, standard error by one that discards what is
    written.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if number == 1 else os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = _Closed()
    if sys.stderr is None:
        sys.stderr = io.StringIO()
    if sys.stdin is None:
        sys.stdin = io.StringIO()


def _clean_import_path() -> None:
    """Remove the current folder, the folders of PYTHONPATH and relative paths from ``sys.path``,
    since a checked folder could replace a module. The folder that holds this package stays.

    Do nothing under ``python -I``, where they are absent. Modules that are already imported stay
    imported.
    """
    if sys.flags.isolated:
        return
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    given = ["", *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    foreign = {os.path.abspath(folder) for folder in given} - {own}  # noqa: PTH100
    sys.path[:] = [p for p in sys.path if os.path.isabs(p) and p not in foreign]  # noqa: PTH117


if __name__ == "__main__":
    main()
