"""The form of a file, by which two versions of it are compared: its size, and texts for its
meaning."""

from __future__ import annotations

from typing import NamedTuple


class Form(NamedTuple):
    """The form of one file. ``code`` is a text that is equal for two contents with the same
    meaning, ``seedless`` one that is equal also if only seeds differ.

    ``kind`` says what ``size`` counts: for "python", the nodes of the syntax tree; for "data", two
    for each word and sign of the keys and values; for "text", two for each word and sign of the
    text. A sign is a single character that is neither blank nor in a word.
    """

    kind: str
    size: int
    code: str
    seedless: str
