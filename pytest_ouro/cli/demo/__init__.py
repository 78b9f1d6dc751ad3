"""``pytest-ouro demo``: a scripted agent with good ideas, bad ones and cheats, and how each is
judged."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.cli.demo.play import Stage
from pytest_ouro.cli.demo.script import read_tries
from pytest_ouro.cli.demo.words import Played, describe_try, summarise
from pytest_ouro.cli.output import OutputLost, say, terminal_width
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.escape import quoted
from pytest_ouro.evidence.shared.named import OWN, VARIABLE
from pytest_ouro.messages import command_line as messages

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

_FOLDER = "ouro-demo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``demo`` to its parser."""
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path(_FOLDER),
        metavar="FOLDER",
        help=f"a new or empty folder for the repository (default: {_FOLDER})",
    )
    parser.add_argument("--no-open", action="store_true", help="do not show the page in a browser")


def main(args: argparse.Namespace) -> int:
    """Make the repository, play the script, and print a line for each try, a summary, and what to
    do next; show the page in a browser, if there is one and this is a terminal. Return 0, or 130
    after Ctrl-C. Raise OuroError if the folder is not empty or cannot be written, or if git is
    missing."""
    folder: Path = args.folder
    _make_folder(folder)
    os.environ[VARIABLE] = OWN  # a demo belongs to no shared records
    say(
        f"ouro: a demo in {folder}: a scripted agent edits sort.py, which is to sort",
        "16 numbers by as few comparisons as possible. Each try is committed, run in a",
        "process of its own, measured by evaluate.py, recorded and judged, as in a real",
        "night. ! marks a cheat.",
        "",
    )
    began, width = time.monotonic(), terminal_width()
    played: list[Played] = []
    try:
        stage = Stage(folder, _say_waiting_once())
        for number, one in enumerate(read_tries(), 1):
            played.append(Played(one, stage.attempt(one)))
            line = describe_try(number, played[-1], stage.journal.runs(), width)
            say(_cut(line, width))
    except KeyboardInterrupt:
        tries = "1 try" if len(played) == 1 else f"{len(played)} tries"
        say(
            "",
            f"ouro: stopped after {tries}; the repository is whole. Go on by hand, or delete it:",
            *_list_next(folder),
            f"  rm -r {quoted(str(folder))}",
        )
        return 130
    except (BrokenPipeError, OutputLost):
        raise
    except OSError as error:
        raise messages.unusable_file(str(folder), error.strerror or str(error)) from None
    say("", *summarise(played, time.monotonic() - began), "")
    page = _write_page(stage.bound)
    say(f"the repository: {folder}", f"the page: {page}", "next:", *_list_next(folder))
    if not args.no_open and _has_browser():
        _open(page)
    return 0


def _make_folder(folder: Path) -> None:
    """Make the folder, unless it is there and empty. Raise OuroError if it is not empty, is not a
    folder, or cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise messages.demo_not_empty(folder, _find_free(folder))
    except FileExistsError:
        raise messages.demo_not_empty(folder, _find_free(folder)) from None
    except OSError as error:
        raise messages.unusable_file(str(folder), error.strerror or str(error)) from None


def _find_free(folder: Path) -> str:
    """Return a path as a shell's word at which nothing is: FOLDER-2, or with a higher number; in a
    folder that is ``.`` or ends in ``..``, ouro-demo-2."""
    beside = folder if folder.name not in ("", "..") else folder / _FOLDER
    numbers = (beside.with_name(f"{beside.name}-{number}") for number in count(2))
    return quoted(str(next(path for path in numbers if not os.path.lexists(path))))


def _say_waiting_once() -> Callable[[str], None]:
    """Return a function of lines about the course of runs, which prints the first that says what a
    run waits for."""
    said = False

    def say_waiting(line: str) -> None:
        nonlocal said
        if not said and line.startswith("ouro: waiting for "):
            said = True
            say(f"{line} (the demo says this once)")

    return say_waiting


def _cut(line: str, width: int | None) -> str:
    """Return the line, cut to ``width`` characters, the last of them ``…``, if it has more. It is
    whole if ``width`` is None."""
    return line if width is None or len(line) <= width else f"{line[: width - 1]}…"


def _list_next(folder: Path) -> tuple[str, ...]:
    """Return three lines with commands to try next; the first goes into ``folder``, the others are
    given there."""
    ouro, test = (_name_program(*names) for names in (("pytest-ouro", "pytest_ouro"), ("pytest",)))
    return (
        f"  cd {quoted(str(folder))} && {ouro} log",
        f"  {ouro} show",
        f"  edit sort.py, then: git commit -am 'my idea' && {test} --ouro-experiment --ouro-settle",
    )


def _name_program(name: str, module: str = "") -> str:
    """Return the shell words that call a program: ``name`` if the first program of that name on the
    PATH is in the folder of this interpreter; else ``PYTHON -m MODULE``, with the quoted path of
    this interpreter, as under pipx and uvx. ``module`` is ``name`` if it is ""."""
    found = shutil.which(name)
    if found and Path(found).parent.resolve() == Path(sys.executable).parent.resolve():
        return name
    return f"{shlex.quote(sys.executable)} -m {module or name}"


def _write_page(bound: Path) -> Path:
    """Write the page about the night of the bound.toml at ``bound``, and return the page's path."""
    from pytest_ouro.report.page.source import read_source  # the night should begin at once
    from pytest_ouro.report.page.write import write_report

    return write_report(read_source(bound.resolve()), ())[0]


def _has_browser() -> bool:
    """Return whether a person can see a browser: standard output is a terminal, and this is macOS,
    or DISPLAY or WAYLAND_DISPLAY is set."""
    if not sys.stdout.isatty():
        return False
    return sys.platform == "darwin" or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))


def _open(page: Path) -> None:
    """Show the page in a browser; say how if none can be started."""
    from pytest_ouro.cli.report import open_in_browser

    try:
        open_in_browser([page])
    except OuroError as error:
        say(f"ouro: {error.message}: {error.help}")
