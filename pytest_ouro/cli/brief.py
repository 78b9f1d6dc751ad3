"""``pytest-ouro brief``: where the experiment stands, for an agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.cli import add_trust, find_bound
from pytest_ouro.cli.output import say_document
from pytest_ouro.engine import open_case
from pytest_ouro.report import brief
from pytest_ouro.report.brief_facts import collect
from pytest_ouro.report.standing import Standing

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``brief`` to its parser."""
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    add_trust(parser)


def main(args: argparse.Namespace) -> int:
    """Print where the experiment stands. Return 0, also if the gate is closed; OuroError if the
    rules or the records cannot be read."""
    case = open_case(find_bound(args.bound), trust=args.trust)
    facts = collect(Standing.observe(case))
    say_document(brief.render_json(facts) if args.json else brief.render(facts))
    case.close()
    return 0
