"""``pytest-ouro finalize``: make a branch of what a night kept, for people to review."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_ouro.cli import add_trust, find_bound
from pytest_ouro.cli.output import say, say_document
from pytest_ouro.core.escape import escape_json
from pytest_ouro.engine import open_case

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``finalize`` to its parser."""
    parser.add_argument(
        "--branch", default="", metavar="NAME", help="the new branch (default: ouro/COMMIT)"
    )
    parser.add_argument(
        "--squash", action="store_true", help="one commit in place of one for each keep"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    add_trust(parser)


def main(args: argparse.Namespace) -> int:
    """Make the branch, and print what it has and how to go on. Return 0. OuroError if nothing was
    kept, the name is taken or impossible, or the records or git's objects cannot be read or
    written."""
    from pytest_ouro.cli.finalize import printed
    from pytest_ouro.experiment.selection.finalize import finalize

    case = open_case(find_bound(args.bound), trust=args.trust)
    found = finalize(case, branch=args.branch, squash=args.squash)
    if args.json:
        say_document(escape_json(json.dumps(printed.facts(case, found), ensure_ascii=False)))
    else:
        say(*printed.lines(case, found))
    case.close()
    return 0
