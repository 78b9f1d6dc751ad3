"""The command line: one file a command, each a thin door to the engine."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.errors import BoundError, OuroError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "gate": "judge every rule, without pytest: 0 lawful, 1 broken, 2 could not judge",
    "bless": "a person declares the present files the truth: writes bound.lock",
    "log": "the recorded runs as a table",
}


def run(argv: Sequence[str]) -> int:
    """Run one command: 0 lawful, 1 a rule is broken, 2 it could not be judged."""
    parser = argparse.ArgumentParser(
        prog="pytest-ouro", description="The referee of autonomous experiment loops."
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    asked = [name for name in COMMANDS if list(argv[:1]) == [name]] or list(COMMANDS)
    for name in asked:  # the others need not be loaded
        text = COMMANDS[name]
        command = subparsers.add_parser(name, help=text, description=text)
        command.add_argument(
            "--bound", type=Path, metavar="PATH", help="the file of rules (default: the nearest)"
        )
        import_module(f"{__name__}.{name}").add_arguments(command)
    args = parser.parse_args(argv)
    try:
        status: int = import_module(f"{__name__}.{args.command}").main(args)
    except BoundError as error:
        for problem in error.problems:
            print(f"ouro: error: {problem}", file=sys.stderr)
        return 2
    except OuroError as error:
        print(f"ouro: error: {error}", file=sys.stderr)
        return 2
    return status


def find_bound(given: Path | None) -> Path:
    """The bound.toml that was named, or the nearest one from here upwards."""
    start = Path.cwd()
    if given is not None:
        return start / given
    for folder in (start, *start.parents):
        if (folder / "bound.toml").is_file():
            return folder / "bound.toml"
        if (folder / ".git").exists():
            break
    raise OuroError(
        f"no bound.toml in {start} or above: there are no rules to judge",
        help="state the rules there, or name the file: --bound PATH",
    )
