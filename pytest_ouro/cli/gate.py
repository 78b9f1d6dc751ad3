"""``pytest-ouro gate``: check the same rules as pytest does, without pytest."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.cli import add_trust, find_bound
from pytest_ouro.cli.output import say_aside, say_document
from pytest_ouro.core import limits
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import dataclass, replace
from pytest_ouro.engine import Answer, check_all, open_case, open_commit
from pytest_ouro.evidence.paths import join, matches
from pytest_ouro.messages import command_line as messages

if TYPE_CHECKING:
    import argparse

    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.git.push import Ref

#: Printed when a git hook refuses a commit or push; agents read it too.
_REFUSED = (
    "ouro: refused. Do what the help says, or stop and ask a person. Do not go around this hook "
    "(--no-verify, SKIP=, core.hooksPath): CI judges every commit again."
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of the gate; `add_arguments` explains each.

    ``form`` is the name of the module of ``report`` that renders the results; ``push`` are the
    arguments that git gives its pre-push hook (with ``pre_push``).
    """

    bound: Path | None = None
    staged: bool = False
    head: str | None = None
    pre_push: bool = False
    pytest: bool = False
    trust: str | None = None
    expect: str = "all"
    rehash: bool = False
    run_commands: bool = False
    form: str = "text"
    push: tuple[str, ...] = ()


#: Calls that need no argument parser.
PLAIN = {(): Options(), ("--staged",): Options(staged=True)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``gate``, with the defaults of `Options`, to its parser."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--staged", action="store_true", help="check the index, not the working tree")
    what.add_argument(
        "--head", metavar="REV", help="check a commit and all since trust, without a checkout"
    )
    what.add_argument(
        "--pre-push", action="store_true", help="check every ref that git is about to push"
    )
    what.add_argument(
        "--pytest",
        action="store_true",
        help="also run the rules under an isolated pytest; fail if it disagrees",
    )
    add_trust(parser)
    parser.add_argument(
        "--expect",
        metavar="IDS",
        help="rules that must be checked: ids a,b, or all (then a stated reason may skip one)",
    )
    parser.add_argument(
        "--rehash", action="store_true", help="read every data file again, however large"
    )
    parser.add_argument(
        "--run-commands",
        action="store_true",
        help="run the commands that the rules name (read them first)",
    )
    forms = parser.add_mutually_exclusive_group()
    for option, module, text in (
        ("--json", "json", "one JSON object instead of text"),
        ("--sarif", "sarif", "SARIF 2.1.0, for code scanning"),
        ("--junit", "junit", "JUnit XML, for CI servers"),
        ("--github", "annotations", "annotations and a summary for GitHub Actions"),
    ):
        forms.add_argument(option, dest="form", action="store_const", const=module, help=text)
    parser.add_argument(
        "push", nargs="*", metavar="REMOTE", help="with --pre-push: the arguments of git's hook"
    )
    parser.set_defaults(**vars(Options()))


def main(args: Options) -> int:
    """Check what the options name and print the results in the chosen form. Return 1 if a rule is
    broken, else 0.

    If the rules cannot be checked, raise OuroError, after printing it in that form; the form of
    plain text prints nothing, and leaves the error to the caller. Errors of `say_document` too.
    """
    form = import_module(f"pytest_ouro.report.{args.form}")
    try:
        answers = _check(args)
        for answer in answers:
            demand_checked(answer, args.expect)
        text = form.render(answers)
    except Exception as error:
        known = error if isinstance(error, OuroError) else _to_error(error)
        if text := form.render_error(known):
            say_document(text)
        raise known from None
    say_document(text)
    broken = any(answer.broken for answer in answers)
    if broken and (args.staged or args.pre_push):
        say_aside(_REFUSED)
    return 1 if broken else 0


def _to_error(error: Exception) -> OuroError:
    """Return the error to show for any exception, as `report.unforeseen.to_error` does."""
    from pytest_ouro.report.unforeseen import to_error

    return to_error(error)


def _check(args: Options) -> list[Answer]:
    """Check what the options name and return a list of one answer; of one for each bound if
    ``--bound`` is a glob with ``--head``; for a push, of one for each ref, [] if none is judged.
    With ``--staged`` and nothing staged, each commit since trust is checked.

    OuroError if the rules cannot be read or applied, for an argument that only ``--pre-push``
    takes, or if pytest disagrees (``--pytest``). In CI (the variable CI is set and is not "false")
    also OuroError if there was nothing to judge: no answer, or only answers about no change since
    trust (`Answer.empty`).
    """
    if args.push and not args.pre_push:
        raise messages.unknown_argument(args.push[0])
    if args.pre_push:
        answers = _check_push(args)
    elif args.head is not None:
        from pytest_ouro.engine.history import judge_commit

        git, bound = _open_objects(args)
        answers = judge_commit(git, args.head, bound=bound, trust=args.trust)
    else:
        path = find_bound(args.bound)
        case = open_case(
            path,
            trust=args.trust,
            subject="index" if args.staged else "working tree",
            rehash=args.rehash,
            run_commands=args.run_commands,
            index=os.environ.get("GIT_INDEX_FILE", "") if args.staged else "",
            from_top=args.form == "sarif",
        )
        if args.staged and not case.repository.staged:  # check each commit since trust instead
            from pytest_ouro.engine.history import check_history

            answers = [Answer(case, check_history(case))]
        else:
            answers = [Answer(case, check_all(case))]
        if args.pytest:
            from pytest_ouro.cli.under_pytest import demand_agreement

            demand_agreement(answers[0], path)
    if os.environ.get("CI", "false") != "false" and all(answer.empty for answer in answers):
        raise messages.nothing_to_judge()
    return answers


def _check_push(args: Options) -> list[Answer]:
    """Check each ref that git's hook names on standard input; if it names none, each ref that is
    not pushed yet. Return one answer for each; a ref that is unrelated to the experiment is left
    out, with a note on standard error. OuroError if a line names no ref, or the rules cannot be
    read."""
    from pytest_ouro.engine.history import check_history
    from pytest_ouro.evidence.git import push

    git, bound = _open_objects(args)
    lines = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read(limits.SMALL)
    if lines.strip():
        refs = push.parse_refs(lines)
    else:
        refs = push.unpushed_refs(git, os.environ, *args.push[:1])
    answers = []
    for ref in refs:
        if _is_unrelated(git, ref, bound, args.trust):
            say_aside(
                f"ouro: {ref.name}: not judged: it shares no history with the experiment and has "
                "none of its files"
            )
            continue
        case = open_commit(git, ref.id, bound=bound, trust=args.trust, named=False)
        answers.append(Answer(case, check_history(case), ref.name))
    return answers


def _is_unrelated(git: Git, ref: Ref, bound: str, trust: str | None) -> bool:
    """Return whether a ref, such as that of built pages, shares no history with the trusted commit
    (HEAD if no commit is named) and has no file of the experiment. True also for the copy of the
    journal in git, which is a tree. OuroError if the rules cannot be read."""
    from pytest_ouro.evidence import trust as trusts
    from pytest_ouro.evidence.git import push
    from pytest_ouro.evidence.records import anchor

    if ref.name == anchor.REF and not git.commit(ref.id):
        return True  # the anchor of the journal is a tree, not a commit
    base = trusts.named(git, asked=trust)[0] or git.commit("HEAD")
    if not base or not push.is_of_another_history(git, ref, base):
        return False
    case = open_commit(git, base, bound=bound, trust=trust, named=False)
    return not any(matches(p, case.bound.files) for p in git.tree(git.commit(ref.id)))


def _open_objects(args: Options) -> tuple[Git, str]:
    """Return a tuple: the repository, to read objects only, and the path of the bound that
    ``--bound`` names, relative to the repository's top; "" without that option.

    The folder of a named bound may be missing, since nothing needs to be checked out. OuroError if
    a folder that is missing is not below the current one, or if there is no repository.
    """
    from pytest_ouro.evidence.git.client import Git

    here, from_top = Path.cwd(), args.form == "sarif"
    if args.bound is None:
        return replace(Git.objects(here), from_top=from_top), ""
    path = here / args.bound
    start = path.parent if path.parent.is_dir() else here
    git = replace(Git.objects(start), from_top=from_top)
    try:
        return git, join(git.prefix, path.relative_to(start).as_posix())
    except ValueError:
        raise messages.bound_outside(path, here) from None


def demand_checked(answer: Answer, expect: str) -> None:
    """Raise OuroError if every rule was skipped, or if ``expect`` names a rule that was skipped or
    does not exist. ``expect`` is "all", which names no rule, or has rules, each as ``id`` or
    ``section::id``, joined by commas without spaces."""
    if not answer.ran:
        raise messages.nothing_judged([f"{j.id} ({j.reason})" for j in answer.results])
    if expect == "all":
        return
    ran = {name for result in answer.ran for name in (result.id, result.rule)}
    reasons = {r.id: r.reason for r in answer.results if r.status == "skipped"}
    missing = [
        f"{rule} ({reasons.get(rule, 'no such rule')})"
        for rule in expect.split(",")
        if rule not in ran
    ]
    if missing:
        raise messages.not_judged(missing, [result.id for result in answer.ran])
