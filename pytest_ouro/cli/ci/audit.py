"""``pytest-ouro ci --audit`` and ``--comment``: audit a pull request in a job without rights, and
bring the report onto it in another that reads nothing of it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.audit import inert, markdown
from pytest_ouro.audit.words import conclude
from pytest_ouro.ci import comment
from pytest_ouro.ci.fetch import fetch
from pytest_ouro.ci.question import ask_github, ask_gitlab
from pytest_ouro.cli.output import say, say_document
from pytest_ouro.core.errors import OuroError
from pytest_ouro.messages import trust as messages
from pytest_ouro.report import annotations as notes
from pytest_ouro.report import summary
from pytest_ouro.report.redact import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ouro.audit.result import Audit
    from pytest_ouro.ci.question import Question
    from pytest_ouro.evidence.git.client import Git

#: What is said below each posted report.
_FOOTER = (
    "\nThe job of the pull request made this report. The pull request can change that job: "
    "`pytest-ouro audit` on your machine is certain.\n"
)


def write_audit(env: Mapping[str, str], out: Path) -> int:
    """Fetch the commits of the job's pull request or merge request as objects, audit them, and
    write the report into the folder ``out``. Return 1 if an error was found, 2 if the audit reaches
    nothing, else 0. OuroError if nothing could be judged; then the report says why. The current
    folder is another one afterwards, and OURO_TRUST is removed from the environment."""
    os.environ.pop("OURO_TRUST", None)
    place = out.absolute() / comment.FILE
    try:
        with tempfile.TemporaryDirectory(prefix="ouro-") as folder:
            question = ask_github(env) if env.get("GITHUB_ACTIONS") == "true" else ask_gitlab(env)
            git, tip = fetch(question, Path(folder, "judged.git"))
            os.chdir(git.top)
            audit = _audit(env, git, tip, question)
            git.close()
            os.chdir("/")
    except OuroError as error:
        _write(env, place, markdown.render_error(error))
        raise
    _write(env, place, markdown.render(audit))
    for one in audit.findings:
        say(f"{one.severity} {one.check}: {shorten(one.finding.headline)}")
    say(f"ouro: audit: {conclude(audit)}")
    return audit.exit_status


def _audit(env: Mapping[str, str], git: Git, tip: str, question: Question) -> Audit:
    """Return the audit of what the judged commit adds to the base branch, whose commit is ``tip``:
    by the policy that the job names, which is read from the base branch, or of a loop. TrustError
    if that branch lacks the policy; else what `audit` or `judge` raises."""
    base = git.line("merge-base", tip, question.head) or tip
    subject = f"{base}..{question.head}"
    if path := env.get("INPUT_POLICY", ""):
        from pytest_ouro.audit.policy.judge import judge
        from pytest_ouro.audit.policy.read import parse
        from pytest_ouro.audit.policy.submission import read_pull_request

        text = git.file(tip, path)
        if text is None:
            raise messages.no_policy(path, question.base)
        policy = parse(text.decode(errors="replace"), path)
        return judge(
            policy, read_pull_request(git, base, question.head, question.what, policy.files)
        )
    from pytest_ouro.audit.options import Options
    from pytest_ouro.audit.run import audit

    return audit(Options(subject=subject, ledger=env.get("INPUT_LEDGER", "")))


def _write(env: Mapping[str, str], place: Path, text: str) -> None:
    """Write the report ``text`` to the file ``place``, and append it to the step's summary on
    GitHub; there, also set the step's output ``markdown`` to the path of the file."""
    place.write_text(text, encoding="utf-8")
    summary.write(text)
    if name := env.get("GITHUB_OUTPUT"):
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(f"markdown={place}\n")


def post_audit(env: Mapping[str, str]) -> int:
    """Post the report of the run that the event names onto its pull request; return 0, also if no
    open pull request has that commit as its head any more. OuroError if the report is not one of
    ours, or the server cannot be asked; then nothing is posted."""
    run = comment.read_finished(env)
    number = comment.find_pull_request(env, run)
    if number is None:
        words = f"no open pull request has the head {run.commit[:7]}: nothing is posted"
        say_document(notes.annotate("notice", "ouro audit", words))
        return 0
    text = comment.read_report(env, run)
    if not text.startswith(markdown.START):
        raise messages.foreign_report("it begins with other words")
    if active := inert.find_active(text):
        raise messages.foreign_report(f"it has the line {active[:80]}")
    if len(text) > markdown.CHARACTERS:
        raise messages.foreign_report(f"it has more than {markdown.CHARACTERS} characters")
    done = comment.post(env, number, text + _FOOTER)
    say(f"ouro: {done} the report of run {run.run} on pull request {number}")
    return 0
