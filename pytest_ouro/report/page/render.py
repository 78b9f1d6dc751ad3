"""Render the facts of a page as one HTML file. Nothing untrusted gets into it but by `show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.report.html.document import make_document
from pytest_ouro.report.html.text import show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.report.page.facts import Facts


def render(facts: Facts, *, raw: bool = False) -> str:
    """Return the page. What is private in its texts is redacted unless ``raw``."""
    return make_document(f"{show(facts['experiment'])}", _list_parts(facts, raw), style="")


def _list_parts(facts: Facts, raw: bool) -> Iterator[str]:
    """Yield the parts of the body."""
    claim = facts["claim"]
    yield f"<main><h1>{show(facts['experiment'], raw=raw)}</h1>"
    yield f"<p>{show(claim['headline'])}</p><p>{show(claim['numbers'])}</p>"
    for answer in facts["answers"]:
        yield f"<p>{answer['name']}: {show(answer['words'])} ({show(answer['note'])})</p>"
    yield "<table><tr><th>commit<th>verdict<th>value<th>description</tr>"
    for run in facts["runs"]:
        cells = (run["commit"][:7], run["status"], run["shown"], run["description"])
        yield f"<tr>{''.join(f'<td>{show(cell, raw=raw)}' for cell in cells)}</tr>"
    yield "</table></main>"
