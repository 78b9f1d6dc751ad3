"""The form of a file, by which two versions of it are compared: its size, and texts for its
meaning."""

from __future__ import annotations

from typing import NamedTuple


class Form(NamedTuple):
    """The form of one file. ``code`` is a text that is equal for two contents with the same
    meaning, ``seedless`` one that is equal also if only seeds differ.

    ``kind`` says what ``size`` counts: "python" nodes of a syntax tree; "data" twice the words
    and signs of keys and values; "text" twice the words and signs of the text. A sign is a
    single character that is neither blank nor in a word. Words count twice so that a removed
    word is more than a literal.
    """

    kind: str
    size: int
    code: str
    seedless: str
