"""``pytest-ouro ci``: judge what a job of GitHub or GitLab is about, and report it there."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.bound.truth import list_bounds
from pytest_ouro.ci.approval import find_approvers
from pytest_ouro.ci.changes import compare_rules
from pytest_ouro.ci.fetch import fetch
from pytest_ouro.ci.passed import Start, find_start
from pytest_ouro.ci.people import judge_in_parts
from pytest_ouro.ci.question import ask_github, ask_gitlab
from pytest_ouro.cli.gate import demand_checked
from pytest_ouro.cli.output import say, say_document
from pytest_ouro.core.errors import NoRulesError, OuroError
from pytest_ouro.engine import open_commit
from pytest_ouro.engine.history import judge_commit
from pytest_ouro.messages import trust as messages
from pytest_ouro.report import annotations as notes
from pytest_ouro.report import junit, sarif, summary, text
from pytest_ouro.report.unforeseen import to_error

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from pytest_ouro.ci.question import Question
    from pytest_ouro.engine import Answer
    from pytest_ouro.evidence.git.client import Git


#: What is said where a rule is broken and nobody was asked to approve it.
_PEOPLE = "ouro: a person's change goes another way: docs/ci.md, People's changes"
_PEOPLE_GITLAB = "ouro: GitLab is not asked for approvals: a maintainer merges a person's change"


@dataclass(kw_only=True)
class _Judged:
    """What was found out about a ``question``: the repository (``git``), the id of the base
    branch's commit (``tip``), the commit to judge from (``start``), the ``answers`` about its
    bounds, and the number of experiments that the change touches (``touched``).

    ``approvers`` are the people who approved the change, [] if nobody did or nobody was asked.
    ``refusal`` says why no part of it is approved; "" if nobody was asked, or a part is approved.
    ``before`` is the commit whose rules the summary shows as the old ones; if it is "", these are
    the rules of the trusted commit by which the bound was judged.
    """

    question: Question
    git: Git
    tip: str
    start: Start
    answers: list[Answer] = field(default_factory=list)
    touched: int = 0
    approvers: list[str] = field(default_factory=list)
    refusal: str = ""
    before: str = ""

    @property
    def verdict(self) -> str:
        """``approved`` if somebody approved the change, else ``broken`` if a rule is broken, else
        ``lawful``."""
        if self.approvers:
            return "approved"
        return "broken" if any(answer.broken for answer in self.answers) else "lawful"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``ci`` to its parser."""
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default=Path(os.environ.get("RUNNER_TEMP", ".")),
        help="where ouro.sarif and ouro.xml are written (default: RUNNER_TEMP)",
    )
    other = parser.add_mutually_exclusive_group()
    other.add_argument(
        "--audit", action="store_true", help="write audit.md about the change, judge no rules"
    )
    other.add_argument(
        "--comment", action="store_true", help="post what --audit of a finished run has written"
    )


def main(args: argparse.Namespace) -> int:
    """Fetch and judge the commit that the job is about, write the reports, and print the result.
    Return 1 if a rule is broken and nobody approved that, else 0. With ``--audit`` or
    ``--comment``, do what `_run_audit` does instead, and return what it does. OuroError if the
    commit could not be judged, after that is reported to the job. The current folder may be another
    one afterwards, and OURO_TRUST is removed from the environment."""
    env = dict(os.environ)
    if args.audit or args.comment:
        return _run_audit(args, env)
    os.environ.pop("OURO_TRUST", None)  # the base branch alone is trusted
    if args.bound is not None:
        env["INPUT_BOUND"] = str(args.bound)
    github = env.get("GITHUB_ACTIONS") == "true"
    try:
        if not github and env.get("GITLAB_CI") != "true":
            raise messages.no_ci_job()
        with tempfile.TemporaryDirectory(prefix="ouro-") as folder:
            question = ask_github(env) if github else ask_gitlab(env)
            if env.get("INPUT_ENVIRONMENT") and not github:
                raise messages.no_approvals()
            git, tip = fetch(question, Path(folder, "judged.git"))
            os.chdir(git.top)
            start = _find_start(env, git, question, tip)
            judged = _judge(_Judged(question=question, git=git, tip=tip, start=start), env)
            _report(judged, args.out, env, github=github)
            git.close()
            os.chdir("/")
    except Exception as error:
        known = error if isinstance(error, OuroError) else to_error(error)
        _report_error(known, args.out, env, github=github)
        raise known from None
    return 1 if judged.verdict == "broken" else 0


def _run_audit(args: argparse.Namespace, env: Mapping[str, str]) -> int:
    """Audit the change, or post the report of an audit, and return the exit status, as
    `write_audit` and `post_audit` do. Any exception is raised as an OuroError, after it is reported
    to a job of GitHub."""
    from pytest_ouro.cli.ci.audit import post_audit, write_audit

    try:
        return post_audit(env) if args.comment else write_audit(env, args.out)
    except Exception as error:
        known = error if isinstance(error, OuroError) else to_error(error)
        if env.get("GITHUB_ACTIONS") == "true":
            say_document(notes.annotate("error", "ouro could not audit", text.error_text(known)))
        raise known from None


def _find_start(env: Mapping[str, str], git: Git, asked: Question, tip: str) -> Start:
    """Return the commit to judge from, and who vouches for it.

    For a push to the base branch, that is what `find_start` returns; if `find_start` could not
    search for passed runs, and the workflow names a commit, also print why the search failed. For
    any other change, it is the commit that the workflow names; if it names none, ``tip``, the
    present commit of the base branch. Raise the errors of `find_start`.
    """
    if asked.on_base:
        start = find_start(env, git, asked)
        if start.refusal:
            say(*f"ouro: {start.refusal}".split("\n"))
        return start
    return Start(asked.trust, "the workflow") if asked.trust else Start(tip, f"branch {asked.base}")


def _judge(judged: _Judged, env: Mapping[str, str]) -> _Judged:
    """Judge the commit of ``judged``, fill in the answers, and return ``judged``. If a rule is
    broken, or no rules exist yet, and the job names an environment, also fill in who approved the
    change. OuroError if it cannot be judged, has no change, or is approved with rules that are not
    blessed; NoRulesError if no rules exist and nobody approved them."""
    asked, start, environment = judged.question, judged.start, env.get("INPUT_ENVIRONMENT", "")
    absent = None
    try:
        judged.answers = judge_commit(
            judged.git, asked.head, bound=asked.bound, trust=start.commit, trust_by=start.by
        )
    except NoRulesError as error:
        if not environment:
            raise
        absent = error
    if judged.answers and all(answer.empty for answer in judged.answers):
        raise messages.empty_change(asked.what, asked.base)
    judged.touched = sum(answer.touched for answer in judged.answers)
    if environment and (absent or judged.verdict == "broken"):
        try:
            _ask_people(judged, env, environment)
        except OuroError as error:
            judged.refusal = str(error)
    for answer in judged.answers:
        demand_checked(answer, "all")
    if judged.approvers:
        _demand_blessed(judged)
    elif absent:
        say(*f"ouro: {judged.refusal}".split("\n"))
        raise absent
    return judged


def _ask_people(judged: _Judged, env: Mapping[str, str], environment: str) -> None:
    """Fill in who approved the change in ``environment``. For a merge group or a push to the base
    branch, its parts are approved one by one: the answers are replaced by those about the other
    parts, and the change counts as approved only if these break no rule. OuroError if nobody
    approved anything."""
    asked = judged.question
    if not (asked.on_base or asked.queue):
        judged.approvers = find_approvers(env, environment)
        return
    parts = judge_in_parts(env, judged.git, asked, judged.start, environment)
    for step, names in parts.approved.items():
        people = ", ".join(f"@{name}" for name in names)
        say(f"ouro: {step[:7]} is a pull request that {people} approved")
    judged.answers = parts.answers
    judged.before = parts.before
    if not any(answer.broken for answer in parts.answers):
        judged.approvers = sorted({name for names in parts.approved.values() for name in names})


def _demand_blessed(judged: _Judged) -> None:
    """Raise OuroError if the rules of an approved change are faulty, or if its bound.lock does not
    bless them: after a merge, the base branch would have rules that every gate refuses."""
    for path in list_bounds(judged.git, judged.question.head, judged.question.bound):
        open_commit(judged.git, judged.question.head, bound=path, named=False)


def _report(judged: _Judged, out: Path, env: Mapping[str, str], *, github: bool) -> None:
    """Write ouro.xml (JUnit) and, if there are answers, ouro.sarif into the folder ``out``, and
    print what was judged. On GitHub, also print annotations, and write the step's summary and its
    outputs."""
    answers, asked = judged.answers, judged.question
    (out / "ouro.xml").write_text(junit.render(answers), encoding="utf-8")
    if answers:
        (out / "ouro.sarif").write_text(sarif.render(answers), encoding="utf-8")
    touched = judged.touched
    say(
        f"ouro: {asked.what}: commit {asked.head[:7]}, branch {asked.base} at {judged.tip[:7]}: "
        f"{touched} experiment{'s' * (touched != 1)} touched"
    )
    if judged.refusal:
        say(*(f"ouro: {judged.refusal}").split("\n"))
    elif judged.verdict == "broken":
        say(_PEOPLE if github else _PEOPLE_GITLAB)
    by = ", ".join(f"@{name}" for name in judged.approvers)
    if by:
        if answers:
            say_document(text.render(answers))
        say(f"ouro: approved by {by}: the rules of {asked.base} are broken or absent, on purpose")
    else:
        say_document(notes.render(answers) if github else text.render(answers))
    if github:
        if by:
            say_document(notes.annotate("notice", "ouro: approved", f"by {by}"))
            summary.write(f"### ouro: approved by {summary.escape_cell(by)}\n\n")
            summary.write(summary.render(answers))
        summary.write(_render_touched(judged, touched))
        found = {"sarif": out / "ouro.sarif"} if answers else {}
        _put_out(env, verdict=judged.verdict, junit=out / "ouro.xml", **found)


def _render_touched(judged: _Judged, touched: int) -> str:
    """Return Markdown for the step's summary: what was judged, the number of experiments that it
    touches (``touched``), and a table of the changed rules of each bound."""
    asked = judged.question
    base = summary.escape_cell(asked.base)
    lines = [
        f"Judged: {asked.what}, commit {asked.head[:7]}, against branch {base} at "
        f"{judged.tip[:7]}. {touched} experiment{'s' * (touched != 1)} touched.\n"
    ]
    for path in list_bounds(judged.git, asked.head, asked.bound, judged.tip):
        trusts = (a.case.trust.commit for a in judged.answers if a.ref in ("", path))
        before = judged.before or next(trusts, judged.tip)
        if changes := compare_rules(judged.git, path, before, asked.head):
            lines.append(summary.render_changes(path, changes))
    return "\n".join(lines)


def _report_error(error: OuroError, out: Path, env: Mapping[str, str], *, github: bool) -> None:
    """Report to the job why nothing could be judged: on GitHub by an annotation and the output
    ``verdict=unjudged``, elsewhere by ouro.xml in ``out``. No SARIF is written, since an empty one
    would close the open alerts."""
    if github:
        say_document(notes.render_error(error))
        _put_out(env, verdict="unjudged")
    else:
        (out / "ouro.xml").write_text(junit.render_error(error), encoding="utf-8")


def _put_out(env: Mapping[str, str], **values: object) -> None:
    """Append each keyword argument as ``key=value`` to the file of the step's outputs on GitHub; do
    nothing if GITHUB_OUTPUT is not set."""
    if name := env.get("GITHUB_OUTPUT"):
        with Path(name).open("a", encoding="utf-8") as file:
            file.writelines(f"{key}={value}\n" for key, value in values.items())
