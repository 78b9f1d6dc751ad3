"""``pytest-ouro guard --help``. `__main__` handles real calls before argparse is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro import guard
from pytest_ouro.messages import agents as messages

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add to the parser of ``guard`` the line that its help ends with. The command takes no options
    of its own."""
    parser.epilog = "docs/agents.md shows the settings by which agents start it."


def main(args: argparse.Namespace) -> int:
    """Start the guard, as `__main__` does without options, and return its exit status. OuroError if
    ``--bound`` is given: the guard finds the bound of each call itself."""
    if args.bound:
        raise messages.guard_takes_no_bound()
    return guard.main()
