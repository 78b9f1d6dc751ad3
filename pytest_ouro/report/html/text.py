"""Write untrusted text into HTML, so that it has no effect on what is around it."""

from __future__ import annotations

import re
from html import escape as escape_html

from pytest_ouro.core.escape import escape
from pytest_ouro.report.redact import shorten

#: Letters of scripts that are written from right to left.
_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
)


def show(text: str, width: int = 300, *, raw: bool = False) -> str:
    """Return a text as HTML on one line, in which it has no effect on its surroundings: redacted
    unless ``raw``, cut to ``width`` characters, escaped, and isolated if it has letters that are
    written from right to left; "" for a blank one. It may stand in an element, in SVG and in an
    attribute with quotes."""
    line = " ".join(text.split())
    words = escape_html(escape(cut(line, width) if raw else shorten(line, width)))
    return f"\u2068{words}\u2069" if _RIGHT_TO_LEFT.search(words) else words


def show_lines(text: str) -> str:
    """Return a text of several lines as HTML for an element that keeps line breaks. It is escaped
    line by line, tabs stay, and it is neither cut nor redacted."""
    return escape_html("\n".join(escape_line(line) for line in text.split("\n")))


def escape_line(line: str) -> str:
    """Return a line in which unprintable characters except tabs are escaped."""
    return line if line.isprintable() else "\t".join(map(escape, line.split("\t")))


def cut(text: str, width: int) -> str:
    """Return the start of a text, at most ``width`` characters, with "…" at the end of one that is
    cut."""
    return text if len(text) <= width else text[: width - 1] + "…"


def cut_start(text: str, width: int) -> str:
    """Return the end of a text, at most ``width`` characters, with "…" at the start of one that is
    cut."""
    return text if len(text) <= width else "…" + text[len(text) - width + 1 :]
