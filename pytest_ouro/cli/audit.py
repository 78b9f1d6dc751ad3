"""``pytest-ouro audit``: judge a past run from its history and its ledger."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pytest_ouro.cli.output import say_document

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``audit`` to its parser."""
    parser.add_argument(
        "subject",
        nargs="?",
        default="",
        metavar="REV-RANGE|PR|PATH",
        help="a range A..B, a revision, a pull request that was fetched, a folder, or a git "
        "directory (default: the current folder)",
    )
    parser.add_argument("--ledger", default="", metavar="PATH", help="the table of results")
    parser.add_argument(
        "--editable", action="append", metavar="GLOB", help="files to edit; may be repeated"
    )
    parser.add_argument(
        "--harness", action="append", metavar="PATH", help="files that measure; may be repeated"
    )
    parser.add_argument("--metric", default="", metavar="NAME", help="the column of the metric")
    parser.add_argument(
        "--direction", default="", choices=("lower", "higher"), help="which values are better"
    )
    parser.add_argument(
        "--json",
        dest="form",
        action="store_const",
        const="json_report",
        default="text",
        help="one JSON object instead of text",
    )


def main(args: argparse.Namespace) -> int:
    """Audit what the options name and print the result. Return 1 if an error was found, else 0.
    OuroError if nothing can be judged."""
    from pytest_ouro.audit.options import Options
    from pytest_ouro.audit.run import audit

    result = audit(
        Options(
            subject=args.subject,
            ledger=args.ledger,
            editable=tuple(args.editable or ()),
            harness=tuple(args.harness or ()),
            metric=args.metric,
            direction=args.direction,
        )
    )
    say_document(import_module(f"pytest_ouro.audit.{args.form}").render(result))
    return 1 if result.broken else 0
