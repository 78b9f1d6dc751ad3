"""``pytest-ouro vault``: show whether a night's gain is smaller on the rows of the vault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.cli import add_trust, find_bound
from pytest_ouro.cli.output import say
from pytest_ouro.engine import open_case

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``vault`` to its parser."""
    add_trust(parser)


def main(args: argparse.Namespace) -> int:
    """Look into the vault, print and record what it shows. Return 0. OuroError if there is nothing
    to show, or the look cannot be recorded."""
    from pytest_ouro.experiment.records.sharing import join_case
    from pytest_ouro.experiment.selection.vault import look_into_vault

    case = join_case(open_case(find_bound(args.bound), trust=args.trust))
    found = look_into_vault(case)
    case.close()
    say(*found.lines(), found.last_line)
    return 0
