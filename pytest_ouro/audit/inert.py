"""Write untrusted text into Markdown, so that no server interprets anything in it.

A backslash before a sign is not enough: GitHub and GitLab look for mentions, references, addresses
and emoji in the rendered page, in which the backslash is gone. They do not look in code.
"""

from __future__ import annotations

import re

from pytest_ouro.core.escape import escape
from pytest_ouro.report.redact import shorten

#: A word that Markdown and servers take for a plain word: letters and digits with single signs
#: within, quotation marks and brackets around.
_PLAIN = re.compile(r"[(\"'“]*[^\W_]+(?:[-'’./%+=,][^\W_]+)*[)\"'”.,;:?%…]*|[-–=+/→≥≤×±…]+")
#: What servers turn into links although it looks like that: hosts, commits, names of issues.
_LINKED = re.compile(r"(?i)www\.|\b[0-9a-f]{7,}\b|\b[a-z]{2,}-\d+")
#: A piece of code as CommonMark finds it; ours have one backtick, no other and no bar.
_CODE = re.compile(r"(?<!`)`(?!`)[^`|]+(?<!`)`(?!`)")
#: The lines of HTML that a report has, and signs with which something active begins.
_FOLDS = (
    "<details><summary>What was judged</summary>",
    "<details><summary>What was inferred</summary>",
    "</details>",
)
_ACTIVE = frozenset("`<>@#[]!\\~$&{}^")


def code(text: str, *, width: int = 300) -> str:
    """Return a text as code on one line, redacted, cut to ``width`` characters and then escaped,
    for any place in a line and for a cell of a table; "" for a blank one. A backtick is written as
    ``\\x60``, a bar as ``\\x7c``, as `escape` writes other characters."""
    words = escape(shorten(" ".join(text.split()), width)).strip()
    words = words.replace("`", "\\x60").replace("|", "\\x7c")
    return f"`{words}`" if words else ""


def prose(text: str, *, width: int = 400) -> str:
    """Return a text on one line, redacted, cut to ``width`` characters and then escaped, whose
    plain words stay as they are; all others become code. It is for the middle of a line, and for a
    cell."""
    parts: list[str] = []
    strange: list[str] = []
    for word in escape(shorten(" ".join(text.split()), width)).split(" "):
        if _PLAIN.fullmatch(word) and not _LINKED.search(word):
            parts += [*_as_code(strange), word]
            strange = []
        else:
            strange.append(word)
    return " ".join([*parts, *_as_code(strange)]).strip()


def find_active(markdown: str) -> str:
    """Return the first line of a report in Markdown in which a server might interpret something
    that no report of `pytest_ouro.audit.markdown` contains: HTML, a link, a mention, a reference or
    a picture. Return a text that says so if a character is not printable, and "" for a report
    without either. Text is taken for a code span only where CommonMark does so; a line that is not
    certainly harmless is returned."""
    if not markdown.replace("\n", "").isprintable():
        return "a character that is not printable"
    for line in markdown.split("\n"):
        rest = re.sub(r"^#{3,4} ", "", _CODE.sub("", line))
        if line not in _FOLDS and (set(rest) & _ACTIVE or "://" in rest or _LINKED.search(rest)):
            return line
    return ""


def _as_code(words: list[str]) -> list[str]:
    """Return a list with one text: the words as a code span. Quotation marks and round brackets
    around them, and punctuation such as ``.`` or ``,`` at the end, stay outside of the span. Return
    [] without words."""
    around = re.fullmatch(r"([(\"'“]*)(.*?)([)\"'”.,;:?]*)", " ".join(words))
    assert around  # it matches any line
    before, inside, after = around.groups()
    written = code(inside, width=1_000)
    return [f"{before}{written}{after}"] if words else []
