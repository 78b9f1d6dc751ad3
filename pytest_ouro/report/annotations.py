"""Render rule results for GitHub Actions: annotations at their lines, and a summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.escape import escape_lines
from pytest_ouro.report import summary, text
from pytest_ouro.report.place import place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.core.finding import Finding, RuleResult
    from pytest_ouro.engine import Answer

#: GitHub shows so many errors of one step, and so many warnings.
SHOWN = 10


def render(answers: Sequence[Answer]) -> str:
    """Return the plain text of the answers, then their annotations. Also append the summary to the
    file that GITHUB_STEP_SUMMARY names, if it is set. Raise OSError if that cannot be written."""
    summary.write(summary.render(answers))
    return "\n".join([text.render(answers), *_list_annotations(answers)])


def render_error(error: OuroError) -> str:
    """Return an annotation that says why nothing could be judged. Also append the message to the
    summary, if GITHUB_STEP_SUMMARY is set. Raise OSError if that cannot be written."""
    summary.write(summary.render_error(error))
    return annotate("error", "ouro could not judge", text.error_text(error))


def annotate(command: str, title: str, words: str) -> str:
    """Return the GitHub command that shows a text that belongs to no file; ``command`` is "error",
    "warning" or "notice"."""
    return f"::{command} title={_escape_property(title)}::{_escape_data(words)}"


def _list_annotations(answers: Sequence[Answer]) -> list[str]:
    """Return the annotations to show, errors before warnings, at most SHOWN of each: the first
    finding of every rule, then the second ones, and so on; [] if there are no findings."""
    lines = []
    for status, command in (("broken", "error"), ("warned", "warning")):
        results = [(a, r) for a in answers for r in a.results if r.status == status]
        ranked = [(n, a, r, f) for a, r in results for n, f in enumerate(r.findings)]
        ranked.sort(key=lambda found: found[0])
        lines += [_annotate(command, a, r, f) for _, a, r, f in ranked[:SHOWN]]
    return lines


def _annotate(command: str, answer: Answer, result: RuleResult, finding: Finding) -> str:
    """Return the GitHub command, one line without a line end, that shows a finding at the path and
    line of `place`, with the signs escaped that GitHub reserves; ``command`` is "error" or
    "warning"."""
    path, line = place(answer, result, finding)
    message = text.finding_text(finding, sentence=result.sentence, trust=answer.case.trust)
    title = f"{answer.ref} {result.rule}".strip()
    where = f"file={_escape_property(path)},line={line},title={_escape_property(title)}"
    return f"::{command} {where}::{_escape_data(message)}"


def _escape_data(words: str) -> str:
    """Return a text as one line, with line ends and other signs escaped as GitHub's commands
    demand."""
    words = escape_lines(*words.split("\n"))
    return words.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(words: str) -> str:
    """Return a text escaped as the value of a property in GitHub's commands."""
    return _escape_data(words).replace(":", "%3A").replace(",", "%2C")
