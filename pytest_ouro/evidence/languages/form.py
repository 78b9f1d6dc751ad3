"""The form of one file by which two versions of it are compared: its meaning, and its size."""

from __future__ import annotations

from typing import NamedTuple


class Form(NamedTuple):
    """The form of one file. ``code`` is equal for two contents of one meaning, ``seedless`` also if
    only seeds differ.

    ``kind`` says what ``size`` counts: nodes of a syntax tree for ``python``, twice the words and
    signs of keys and values for ``data``, and of the text for ``text``. A sign is a single
    character that is neither blank nor part of a word. A word counts two, so that one removed word
    is more than a literal.
    """

    kind: str
    size: int
    code: str
    seedless: str
