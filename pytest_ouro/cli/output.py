"""Print what a command has to say. No other module of the command line prints.

`say` takes lines, and escapes each; `say_document` takes what a form of report has escaped.
"""

from __future__ import annotations

import sys

from pytest_ouro.core.errors import BoundError, OuroError
from pytest_ouro.core.escape import escape, escape_lines


class OutputLost(OSError):
    """Raised if standard output cannot be written, such as on a full disk, or since the caller
    closed it. If it is a pipe whose reader has gone, BrokenPipeError is raised instead."""


def _write(text: str) -> None:
    """Write a text to standard output at once. BrokenPipeError if its reader has gone, OutputLost
    if it cannot be written for another reason."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputLost(*error.args) from None


def terminal_size() -> tuple[int, int] | None:
    """Return how many characters a line of the terminal has that is standard output, and how many
    lines it has; None if standard output is not a terminal."""
    if not sys.stdout.isatty():
        return None
    import shutil  # most commands print no table

    size = shutil.get_terminal_size()
    return size.columns, size.lines


def terminal_width() -> int | None:
    """Return how many characters a line of the terminal has that is standard output; None if
    standard output is not a terminal."""
    size = terminal_size()
    return size[0] if size else None


def redraw(lines: list[str], drawn: int) -> int:
    """Print each text, escaped, as one line of a terminal, in the place of the ``drawn`` lines that
    the last call printed (0 for the first). No text may be longer than a line of the terminal.
    Return the number of lines. Errors as in `_write`."""
    _write((f"\x1b[{drawn}F\x1b[J" if drawn else "") + escape_lines(*lines) + "\n")
    return len(lines)


def say(*lines: str) -> None:
    """Print each text, escaped, as one line to standard output. Errors as in `_write`."""
    _write(escape_lines(*lines) + "\n")


def demand_reader() -> None:
    """Raise BrokenPipeError if standard output is a pipe whose reader has gone, which a command
    that waits would notice only when it has something to say; OutputLost if it is closed."""
    import select  # only commands that wait need it

    if not hasattr(select, "poll"):
        return
    asked = select.poll()
    try:
        asked.register(sys.stdout.fileno(), 0)
    except OSError as error:
        raise OutputLost(*error.args) from None
    if any(event & select.POLLERR for _, event in asked.poll(0)):
        raise BrokenPipeError


def say_aside(*lines: str) -> None:
    """Print each text, escaped, as one line to standard error. OSError if it cannot be written."""
    print(escape_lines(*lines), file=sys.stderr)


def say_document(text: str) -> None:
    """Print a text to standard output as it is; it must be escaped already, as JSON is. Errors as
    in `_write`."""
    _write(f"{text}\n")


def say_row(row: str) -> None:
    """Print a row of cells divided by tabs to standard output; each cell is escaped. Errors as in
    `_write`."""
    _write("\t".join(map(escape, row.split("\t"))) + "\n")


def say_error(error: OuroError) -> None:
    """Print an error to standard error, a BoundError as one line for each problem; then its help,
    if it has one. OSError if that cannot be written."""
    problems = error.problems if isinstance(error, BoundError) else (error.message,)
    say_aside(*(f"ouro: error: {problem}" for problem in problems))
    if error.help:
        say_aside(f"  help: {error.help}")
