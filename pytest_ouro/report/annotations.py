"""Judgements for GitHub Actions: annotations at the lines that they are about, and a summary."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.report import text
from pytest_ouro.report.place import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.core.finding import Finding, RuleResult
    from pytest_ouro.engine import Answer

#: What GitHub shows of one step, of errors and of warnings each.
SHOWN = 10
#: A summary of 1 MiB or more is not shown at all.
SUMMARY_BYTES = 900_000


def render(answers: Sequence[Answer]) -> str:
    """The text that everybody gets, then the annotations; the summary is written beside it."""
    _summarise([_table(answer) for answer in answers])
    return "\n".join([text.render(answers), *_annotations(answers)])


def render_error(error: OuroError) -> str:
    """One annotation that says why nothing could be judged."""
    _summarise([f"### ouro: could not judge\n\n{_cell(error.message)}\n"])
    return f"::error title=ouro could not judge::{_data(str(error))}"


def _annotations(answers: Sequence[Answer]) -> list[str]:
    """The first finding of every rule comes before the second of any: only a few are shown."""
    lines = []
    for status, command in (("broken", "error"), ("warned", "warning")):
        judged = [(a, j) for a in answers for j in a.judgements if j.status == status]
        ranked = [(n, a, j, f) for a, j in judged for n, f in enumerate(j.findings)]
        ranked.sort(key=lambda found: found[0])
        lines += [_annotation(command, a, j, f) for _, a, j, f in ranked[:SHOWN]]
    return lines


def _annotation(command: str, answer: Answer, judgement: RuleResult, finding: Finding) -> str:
    path, line = place(answer, judgement, finding)
    said = [finding.headline, finding.where, f"why: {judgement.sentence}", f"help: {finding.help}"]
    message = "\n".join(text.printable(part) for part in said if part not in ("", "help: "))
    title = f"{answer.ref} {judgement.rule}".strip()
    where = f"file={_property(path)},line={line},title={_property(title)}"
    return f"::{command} {where}::{_data(message)}"


def _data(words: str) -> str:
    return words.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(words: str) -> str:
    return _data(words).replace(":", "%3A").replace(",", "%2C")


def _table(answer: Answer) -> str:
    word = "broken" if answer.broken else "lawful"
    ref = f"{_cell(answer.ref)}: " if answer.ref else ""
    rows = [
        f"### ouro: {ref}{word}",
        "",
        f"{text.count(answer.judgements)}, trust: {_cell(str(answer.case.trust))}",
        "",
        "| rule | | what was found |",
        "|---|---|---|",
    ]
    for judgement in sorted(answer.judgements, key=lambda j: not j.broken):
        found = "<br>".join(_found(judgement)) or _cell(judgement.reason)
        rows.append(f"| `{judgement.rule}` | {judgement.status} | {found} |")
    return "\n".join([*rows, ""])


def _found(judgement: RuleResult) -> Iterable[str]:
    for finding in judgement.findings:
        yield _cell(" ".join(filter(None, (finding.headline, finding.where))))


def _cell(words: str) -> str:
    """Words in which Markdown and HTML find nothing to obey."""
    words = text.printable(words)
    words = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{c}" if c in "\\`*_[]|#~!@" else c for c in words)


def _summarise(tables: list[str]) -> None:
    """Append to the step's summary, in whole lines and only as much as will be shown."""
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    path = Path(name)
    room = SUMMARY_BYTES - (path.stat().st_size if path.exists() else 0)
    lines = "\n".join(tables).splitlines(keepends=True)
    kept: list[str] = []
    for line in lines:
        room -= len(line.encode())
        if room < 0:
            kept.append("\nThere is more than a summary holds: the log has it all.\n")
            break
        kept.append(line)
    with path.open("a", encoding="utf-8", errors="backslashreplace") as summary:
        summary.write("".join(kept))
