"""Render rule results as Markdown for a reviewer: what was judged, by whose rules, what to do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core.escape import escape
from pytest_ouro.report import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.core.finding import RuleResult
    from pytest_ouro.engine import Answer

#: GitHub does not show a summary of 1 MiB (1,048,576 bytes) or more.
SUMMARY_BYTES = 900_000
_HEAD = ("rule", "", "why", "what was found", "expected", "actual", "help")


def render(answers: Sequence[Answer]) -> str:
    """Return Markdown: for each answer a title, the number of rules, the trust, what was checked,
    and a table of the rules, broken ones first, with a row for each finding."""
    return "\n".join(_render_answer(answer) for answer in answers)


def render_error(error: OuroError) -> str:
    """Return Markdown with a title and the message and help of an error."""
    help = f"\n\nHelp: {escape_cell(error.help)}" if error.help else ""
    return f"### ouro: could not judge\n\n{escape_cell(error.message)}{help}\n"


def render_changes(path: str, changes: Sequence[tuple[str, str, str]]) -> str:
    """Return Markdown: a heading with ``path``, and a table of ``changes``, which are tuples of a
    key of the bound.toml at ``path``, its old value and its new one."""
    title = f"#### Rules that this change brings: {escape_cell(path)}"
    return "\n".join(
        [title, "", _row(("key", "before", "after")), _separator(3), *map(_row, changes), ""]
    )


def _render_answer(answer: Answer) -> str:
    """Return the title, the facts and the table of one answer as Markdown, with a line end."""
    word = "broken" if answer.broken else "lawful"
    ref = f"{escape_cell(answer.ref)}: " if answer.ref else ""
    repository = answer.case.repository
    subject = repository.git.store.subject(repository.head)
    rows = (row for result in _sort(answer.results) for row in _list_rows(result))
    lines = [
        f"### ouro: {ref}{word}",
        "",
        f"{text.count(answer.results)}, trust: {escape_cell(str(answer.case.trust))}, "
        f"{repository.subject}: {repository.head[:7]} {escape_cell(subject[:60])}",
        "",
        _row(_HEAD, escaped=True),
        _separator(len(_HEAD)),
        *rows,
        "",
    ]
    return "\n".join(lines)


def _sort(results: Sequence[RuleResult]) -> list[RuleResult]:
    """Return the results, those of broken rules first."""
    return sorted(results, key=lambda result: not result.broken)


def _list_rows(result: RuleResult) -> Iterator[str]:
    """Yield the rows for one result, as lines of the Markdown table with the columns `_HEAD`: one
    for each finding, or, without findings, one with the result's reason, such as why the rule was
    skipped."""
    start = (f"`{result.rule}`", result.status)
    for f in result.findings:
        found = f"{f.headline} {f.where}".strip()
        cells = (result.sentence, found, f.expected, f.actual, f.help)
        yield _row((*start, *map(escape_cell, cells)), escaped=True)
    if not result.findings:
        cells = (result.sentence, result.reason, "", "", "")
        yield _row((*start, *map(escape_cell, cells)), escaped=True)


def _row(cells: Sequence[str], *, escaped: bool = False) -> str:
    """Return a row of a Markdown table. The cells are escaped unless they are already
    (``escaped``)."""
    return f"| {' | '.join(cells if escaped else map(escape_cell, cells))} |"


def _separator(columns: int) -> str:
    """Return the line between the head of a Markdown table and its rows."""
    return f"|{'---|' * columns}"


def escape_cell(words: str) -> str:
    """Return a text on one line, for a cell of a table, in which Markdown and HTML interpret
    nothing."""
    words = escape(words)
    words = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{c}" if c in "\\`*_[]|#~!@" else c for c in words)


def write(markdown: str) -> None:
    """Append Markdown to the step's summary on GitHub, line by line, until the file has
    SUMMARY_BYTES; a last line says if some is left out. Do nothing if GITHUB_STEP_SUMMARY is not
    set. Raise OSError if the file cannot be written."""
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    path = Path(name)
    room = SUMMARY_BYTES - (path.stat().st_size if path.exists() else 0)
    with path.open("a", encoding="utf-8", errors="backslashreplace") as summary:
        for line in markdown.splitlines(keepends=True):
            room -= len(line.encode())
            if room < 0:
                summary.write("\nThe summary is too long: the log has all of it.\n")
                break
            summary.write(line)
