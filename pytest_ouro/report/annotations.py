"""Render rule results for GitHub Actions: annotations at their lines, and a summary."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core.escape import escape, escape_lines
from pytest_ouro.report import text
from pytest_ouro.report.place import place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.core.finding import Finding, RuleResult
    from pytest_ouro.engine import Answer

#: GitHub shows so many errors of one step, and so many warnings.
SHOWN = 10
#: GitHub does not show a summary of 1 MiB (1,048,576 bytes) or more.
SUMMARY_BYTES = 900_000


def render(answers: Sequence[Answer]) -> str:
    """Return the plain text, then the annotations. Also append the summary to the file that
    GITHUB_STEP_SUMMARY names, if it is set. OSError if that cannot be written."""
    _write_summary([_render_table(answer) for answer in answers])
    return "\n".join([text.render(answers), *_list_annotations(answers)])


def render_error(error: OuroError) -> str:
    """Return an annotation that says why nothing could be judged. Also append the message to the
    summary, if GITHUB_STEP_SUMMARY is set. OSError if that cannot be written."""
    _write_summary([f"### ouro: could not judge\n\n{_escape_cell(error.message)}\n"])
    return f"::error title=ouro could not judge::{_escape_data(text.error_text(error))}"


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
    """Return the GitHub command that shows a finding at its line; ``command`` is "error" or
    "warning"."""
    path, line = place(answer, result, finding)
    message = text.finding_text(finding, sentence=result.sentence)
    title = f"{answer.ref} {result.rule}".strip()
    where = f"file={_escape_property(path)},line={line},title={_escape_property(title)}"
    return f"::{command} {where}::{_escape_data(message)}"


def _escape_data(words: str) -> str:
    """Return a text of several lines as one, escaped as GitHub's commands demand."""
    words = escape_lines(*words.split("\n"))
    return words.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(words: str) -> str:
    """Return a text escaped as the value of a property in GitHub's commands."""
    return _escape_data(words).replace(":", "%3A").replace(",", "%2C")


def _render_table(answer: Answer) -> str:
    """Return the results of one answer as a Markdown table, broken rules first, below a heading and
    the counts."""
    word = "broken" if answer.broken else "lawful"
    ref = f"{_escape_cell(answer.ref)}: " if answer.ref else ""
    rows = [
        f"### ouro: {ref}{word}",
        "",
        f"{text.count(answer.results)}, trust: {_escape_cell(str(answer.case.trust))}",
        "",
        "| rule | | what was found |",
        "|---|---|---|",
    ]
    for result in sorted(answer.results, key=lambda result: not result.broken):
        found = [_escape_cell(f"{f.headline} {f.where}".strip()) for f in result.findings]
        words = "<br>".join(found) or _escape_cell(result.reason)
        rows.append(f"| `{result.rule}` | {result.status} | {words} |")
    return "\n".join([*rows, ""])


def _escape_cell(words: str) -> str:
    """Return a text on one line, for a cell of a table, in which Markdown and HTML interpret
    nothing."""
    words = escape(words)
    words = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{c}" if c in "\\`*_[]|#~!@" else c for c in words)


def _write_summary(tables: list[str]) -> None:
    """Append the tables to the step's summary, line by line, until it has SUMMARY_BYTES; a last
    line says if some are left out. Do nothing if GITHUB_STEP_SUMMARY is not set. OSError if the
    file cannot be written."""
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    path = Path(name)
    room = SUMMARY_BYTES - (path.stat().st_size if path.exists() else 0)
    with path.open("a", encoding="utf-8", errors="backslashreplace") as summary:
        for line in "\n".join(tables).splitlines(keepends=True):
            room -= len(line.encode())
            if room < 0:
                summary.write("\nThe summary is too long: the log has all of it.\n")
                break
            summary.write(line)
