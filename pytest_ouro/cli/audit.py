"""``pytest-ouro audit``: judge a past run from its history and its ledger."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.cli.output import say_document
from pytest_ouro.messages import command_line as messages

if TYPE_CHECKING:
    import argparse

    from pytest_ouro.audit.result import Audit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``audit`` to its parser."""
    parser.add_argument(
        "subject",
        nargs="?",
        default="",
        metavar="REV-RANGE|PR|PATH",
        help="a range A..B, a revision, a pull request that was fetched (as #44 or pull/44), a "
        "folder, or a git directory (default: the current folder)",
    )
    parser.add_argument(
        "--ledger",
        default="",
        metavar="PATH",
        help="the table of results, from the repository's top (default: it is found)",
    )
    parser.add_argument(
        "--editable",
        action="append",
        metavar="GLOB",
        help="files that experiments may change; may be repeated",
    )
    parser.add_argument(
        "--harness", action="append", metavar="PATH", help="files that measure; may be repeated"
    )
    parser.add_argument(
        "--metric", default="", metavar="NAME", help="the ledger's column of the metric"
    )
    parser.add_argument(
        "--direction",
        default="",
        choices=("lower", "higher"),
        help="which values of the metric are better",
    )
    parser.add_argument(
        "--policy",
        type=Path,
        metavar="FILE",
        help="judge a record in a folder or a pull request by a leaderboard's rule in this file",
    )
    forms = parser.add_mutually_exclusive_group()
    for option, module, text in (
        ("--json", "json_report", "one JSON object instead of text"),
        ("--markdown", "markdown", "Markdown, for a comment on a pull request"),
        ("--sarif", "sarif", "SARIF 2.1.0, for code scanning"),
        ("--html", "html", "one HTML page without scripts"),
    ):
        forms.add_argument(option, dest="form", action="store_const", const=module, help=text)
    parser.set_defaults(form="text")


def main(args: argparse.Namespace) -> int:
    """Audit what the options name and print the result. Return 1 if an error was found, 2 if
    nothing could be judged, else 0. OuroError if nothing can be read, after it is printed in
    the chosen form; the form of plain text leaves that to the caller."""
    form = import_module(f"pytest_ouro.audit.{args.form}")
    try:
        result = _judge_by_policy(args) if args.policy else _audit(args)
        text = form.render(result)
    except Exception as error:
        from pytest_ouro.report.unforeseen import to_error

        known = to_error(error)
        if said := form.render_error(known):
            say_document(said)
        raise known from None
    say_document(text)
    return result.exit_status


def _audit(args: argparse.Namespace) -> Audit:
    """Return the audit of the loop that the options name."""
    from pytest_ouro.audit.options import Options
    from pytest_ouro.audit.run import audit

    return audit(
        Options(
            subject=args.subject,
            ledger=args.ledger,
            editable=tuple(args.editable or ()),
            harness=tuple(args.harness or ()),
            metric=args.metric,
            direction=args.direction,
        )
    )


def _judge_by_policy(args: argparse.Namespace) -> Audit:
    """Return what the policy finds in the submission that the options name: the record in a folder,
    what a range of commits or a pull request adds, or what a commit adds to its first parent.
    OuroError if there is no record, or if the folder contains those of records."""
    from pytest_ouro.audit.inference.subject import find_subject
    from pytest_ouro.audit.policy import judge, read, submission

    policy = read.read(args.policy)
    name = args.subject or "."
    if (folder := Path(name)).is_dir():
        if record := submission.find_inside(folder, policy.files.folder):
            raise messages.several_records(name, record)
        return judge.judge(policy, submission.read_folder(folder.resolve(), name))
    subject = find_subject(name)
    try:
        base = subject.since or subject.git.commit(f"{subject.head}^")
        if not base:
            raise messages.no_record(name, policy.files.folder)
        found = submission.read_pull_request(subject.git, base, subject.head, name, policy.files)
        return judge.judge(policy, found)
    finally:
        subject.git.close()
