"""``pytest-ouro show``: one run explained in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.cli import find_bound
from pytest_ouro.cli.output import say, say_document
from pytest_ouro.report.page.source import read_source
from pytest_ouro.report.redact import redact
from pytest_ouro.report.runs import explained
from pytest_ouro.report.runs.find import find_run
from pytest_ouro.report.runs.shown import collect

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``show`` to its parser."""
    parser.add_argument(
        "run",
        nargs="?",
        default="",
        metavar="RUN",
        help="the id of a run or of its commit, a start of it, or a branch (default: the last run)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.add_argument("--raw", action="store_true", help="do not hide paths, hosts and secrets")


def main(args: argparse.Namespace) -> int:
    """Print what is known of one run. Return 0. Raise OuroError if RUN names no run, or several;
    RecordError if the journal cannot be read or, after the run is printed, is not what was
    recorded."""
    source = read_source(find_bound(args.bound))
    journal, night = source.journal, source.bound and source.bound.night
    going = [run for run in journal.unfinished() if run.purpose != "placebo"]
    if source.fault and not source.runs:
        journal.demand_whole()  # there were runs
    shown = collect(
        find_run(args.run, source.runs, going, source.git),
        source.runs,
        source.statements,
        source.states,
        git=source.store,
        journal=journal,
        price=night.price if night else None,
        raw=args.raw,
    )
    if args.json:
        say_document(explained.render_json(shown))
    else:
        lines = explained.render(shown)
        say(*(lines if args.raw else map(redact, lines)))
    journal.demand_whole()
    return 0
