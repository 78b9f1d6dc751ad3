"""``pytest-ouro gate``: check the same rules as pytest does, without pytest."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.cli import find_bound
from pytest_ouro.core.errors import OuroError, TrustError
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import several
from pytest_ouro.engine import Answer, judge_all, judge_history, open_case, open_commit
from pytest_ouro.evidence.paths import join, matches
from pytest_ouro.report.text import printable

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
    """The options of the gate; `add_arguments` explains each."""

    bound: Path | None = None
    staged: bool = False
    head: str | None = None
    pre_push: bool = False
    pytest: bool = False
    trust: str | None = None
    expect: str = "all"
    rehash: bool = False
    json: bool = False
    sarif: bool = False
    junit: bool = False
    github: bool = False
    push: tuple[str, ...] = ()


#: Calls that need no argument parser.
PLAIN = {(): Options(), ("--staged",): Options(staged=True)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
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
    parser.add_argument(
        "--trust", metavar="REF", help="the commit whose rules and files are the truth"
    )
    parser.add_argument(
        "--expect",
        metavar="IDS",
        help="rules that must be checked: ids a,b, or all (then a stated reason may skip one)",
    )
    parser.add_argument(
        "--rehash", action="store_true", help="read every data file again, however large"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object instead of text")
    form.add_argument("--sarif", action="store_true", help="SARIF 2.1.0, for code scanning")
    form.add_argument("--junit", action="store_true", help="JUnit XML, for CI servers")
    form.add_argument(
        "--github", action="store_true", help="annotations and a summary for GitHub Actions"
    )
    parser.add_argument(
        "push", nargs="*", metavar="REMOTE", help="with --pre-push: the arguments of git's hook"
    )
    parser.set_defaults(**vars(Options()))


def main(args: Options) -> int:
    form = import_module(f"pytest_ouro.report.{_form(args)}")
    try:
        answers = _answers(args)
        for answer in answers:
            _demand_judged(answer, args.expect)
    except OuroError as error:
        if said := form.render_error(error):
            print(said)
        raise
    print(form.render(answers))
    broken = any(answer.broken for answer in answers)
    if broken and (args.staged or args.pre_push):
        print(_REFUSED, file=sys.stderr)
    return 1 if broken else 0


def _form(args: Options) -> str:
    """Return the name of the module of ``report`` that renders the answer."""
    forms = {"json": "json", "sarif": "sarif", "junit": "junit", "github": "annotations"}
    return next((module for flag, module in forms.items() if getattr(args, flag)), "text")


def _answers(args: Options) -> list[Answer]:
    """Check what the options name and return the results; OuroError if that is nothing."""
    if args.push and not args.pre_push:
        raise OuroError(f"unknown argument '{args.push[0]}'", help="pytest-ouro gate --help")
    if args.pre_push:
        answers = _answer_push(args)
    elif args.head is not None:
        git, bound = _open_objects(args)
        case = open_commit(git, args.head, bound=bound, trust=args.trust)
        answers = [Answer(case, judge_history(case))]
    else:
        case = open_case(
            find_bound(args.bound),
            trust=args.trust,
            subject="index" if args.staged else "working tree",
            rehash=args.rehash,
            index=os.environ.get("GIT_INDEX_FILE", "") if args.staged else "",
        )
        # If nothing is staged, check each commit since trust instead.
        all_of = judge_history if args.staged and not case.repository.staged else judge_all
        answers = [Answer(case, all_of(case))]
        if args.pytest:
            from pytest_ouro.cli.under_pytest import demand_agreement

            demand_agreement(answers[0], find_bound(args.bound))
    if os.environ.get("CI", "false") != "false" and all(answer.empty for answer in answers):
        raise TrustError(
            "nothing to judge: there is no change that trust does not contain",
            help="name the base branch's commit and the one to judge: --trust BASE --head REV",
        )
    return answers


def _answer_push(args: Options) -> list[Answer]:
    """Check every ref of a push; git's hook reads them from standard input."""
    from pytest_ouro.evidence.git import push

    git, bound = _open_objects(args)
    lines = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read()
    refs = (
        push.parse_refs(lines)
        if lines.strip()
        else push.unpushed_refs(git, os.environ, *args.push[:1])
    )
    answers = []
    for ref in refs:
        if _is_unrelated(git, ref, bound, args.trust):
            print(
                f"ouro: {printable(ref.name)}: not judged: it shares no history with the "
                "experiment and has none of its files",
                file=sys.stderr,
            )
            continue
        case = open_commit(git, ref.id, bound=bound, trust=args.trust, named=False)
        answers.append(Answer(case, judge_history(case), ref.name))
    return answers


def _is_unrelated(git: Git, ref: Ref, bound: str, trust: str | None) -> bool:
    """Return whether a ref (of built pages, say) has no history or files of the experiment."""
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
    """Open the repository to read objects only; return it and the bound's path ("": the nearest).

    The folder of a named bound may be missing, since nothing needs to be checked out.
    """
    from pytest_ouro.evidence.git.client import Git

    here = Path.cwd()
    if args.bound is None:
        return Git.objects(here), ""
    path = here / args.bound
    start = path.parent if path.parent.is_dir() else here
    git = Git.objects(start)
    try:
        return git, join(git.prefix, path.relative_to(start).as_posix())
    except ValueError as error:
        raise OuroError(str(error), help="name a file of the repository: --bound PATH") from None


def _demand_judged(answer: Answer, expect: str) -> None:
    """Raise OuroError if a rule in ``expect`` was not checked."""
    if expect == "all":
        return
    ran = {word for judgement in answer.ran for word in (judgement.id, judgement.rule)}
    reasons = {j.id: j.reason for j in answer.judgements if j.status == "skipped"}
    missing = [rule for rule in expect.split(",") if rule not in ran]
    if missing:
        words = [f"{rule} ({reasons.get(rule, 'no such rule')})" for rule in missing]
        raise OuroError(
            f"not judged, but expected: {several(words)}",
            help=f"these rules were judged: {', '.join(j.id for j in answer.ran)}",
        )
