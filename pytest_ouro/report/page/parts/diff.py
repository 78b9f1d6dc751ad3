"""Write a diff as HTML."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from pytest_ouro.report.html.text import show_lines
from pytest_ouro.report.redact import redact_start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.report.page.parts.page import Page

#: The most lines of the diff that is read first, and the most letters of it.
_LINES, _LETTERS = 400, 30_000


def write_first(page: Page) -> Iterator[str]:
    """Yield the section with the diff to read first, cut if it is long; nothing if there is
    none."""
    first = page.facts["first"]
    if first is None:
        return
    yield '<section id="first" aria-labelledby="first-h" tabindex="-1">'
    yield f'<h2 id="first-h">Read first: <code>{page.show(first["title"], 40)}</code></h2>'
    about, place = "", first["run"]
    if place is not None:
        description = page.show(page.facts["runs"][place]["description"], 160)
        about = f": {description} ({page.link(place)})"
    yield f"<p>{page.show(first['why'], 160).capitalize()}{about}.</p>"
    diff = first["diff"] if page.raw else redact_start(first["diff"], _LETTERS)
    lines = diff[:_LETTERS].split("\n")
    if not first["diff"]:
        yield "<p>Git cannot show the difference, or it is too large.</p></section>"
        return
    yield f'<pre class="diff" tabindex="0">{"".join(color(lines[:_LINES]))}</pre>'
    if len(lines) > _LINES or len(first["diff"]) > _LETTERS:
        yield "<p>The diff goes on: <code>git diff</code> shows all of it.</p>"
    yield "</section>"


def color(lines: list[str]) -> Iterator[str]:
    """Yield the lines of a diff as HTML: those that follow each other and are of one kind in one
    element."""
    for kind, part in groupby(zip(_classify(lines), lines, strict=True), key=itemgetter(0)):
        text = show_lines("\n".join(line for _, line in part))
        yield f'<span class="{kind}">{text}\n</span>' if kind else f"{text}\n"


def _classify(lines: list[str]) -> Iterator[str]:
    """Yield the CSS class of each line of a diff: "file", "add", "del" or "hunk"; "" for another.
    The names of the files stand before the first hunk: behind it, ``---`` is a removed ``--``."""
    in_hunk = False
    for line in lines:
        in_hunk = line.startswith("@@") or (in_hunk and not line.startswith("diff "))
        if not in_hunk and line.startswith(("+++", "---")):
            yield "file"
        else:
            yield {"+": "add", "-": "del", "@": "hunk"}.get(line[:1], "")
