"""``pytest-ouro report``: the page about a night, and its picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.cli import find_bound
from pytest_ouro.cli.output import say
from pytest_ouro.messages import command_line as messages
from pytest_ouro.report.html.endings import PAGES
from pytest_ouro.report.page.source import read_source
from pytest_ouro.report.page.write import describe_written, write_report

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``report`` to its parser."""
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="the page as .html, only the picture as .svg or .png (default: report.html and "
        "progress.svg in the git folder)",
    )
    parser.add_argument("--open", action="store_true", help="show the page in a browser")
    parser.add_argument(
        "--raw", action="store_true", help="do not hide paths, hosts and secrets: for yourself"
    )


def main(args: argparse.Namespace) -> int:
    """Write the page or the picture, and print where. Return 0. Raise OuroError if the journal
    cannot be read, if it is not what was recorded (after the page is written), if a FILE ends
    otherwise or cannot be written, or if no browser could be opened."""
    source = read_source(find_bound(args.bound))
    written = write_report(source, args.files, raw=args.raw)
    say(*describe_written(source, written))
    if args.open:
        open_in_browser(written)
    if source.fault:
        source.journal.demand_whole()
    return 0


def open_in_browser(written: list[Path]) -> None:
    """Show the first page of these files in a browser. Raise OuroError if there is no page, or no
    browser can be started."""
    import webbrowser  # it looks for programs

    pages = [path for path in written if path.suffix.lower() in PAGES]
    if not pages or not webbrowser.open(pages[0].resolve().as_uri()):
        raise messages.not_opened(pages[0] if pages else None)
