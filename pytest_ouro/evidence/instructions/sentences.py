"""The sentences of instructions for agents, whose lines may be wrapped."""

from __future__ import annotations

import re

#: A line end within a paragraph: what follows is not blank and begins no item, heading or table.
_WRAPPED = re.compile(r"\n(?![ \t]*(?:\n|[-*+#|>]|\d+[.)]\s))")
_END = re.compile(r"(?<=[.!?;])\s|\n")


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a Markdown text, also those that go over a line end; a semicolon ends
    one too. Some may be empty."""
    return _END.split(_WRAPPED.sub(" ", text))
