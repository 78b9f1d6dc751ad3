"""Recognise the cells of a ledger's commit column that are made up."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEX_PATTERN = re.compile(r"[0-9a-f]+")


def looks_made_up(cell: str) -> bool:
    """Return whether a commit cell has the form of a hash (7 to 40 letters and digits, at least one
    digit) and is too regular to be one.

    A cell with letters beyond ``f`` is too regular if letters and digits alternate. A hexadecimal
    one is too regular if its characters go up or down by equal steps or are all the same, if a part
    of at most three characters is repeated, or if letters and digits alternate, at least three of
    each, and both go up or down by one or stay the same.
    """
    text = cell.strip().lower()
    if not re.fullmatch(r"[0-9a-z]{7,40}", text) or not re.search(r"\d", text):
        return False
    digits, letters = re.findall(r"\d", text), re.findall(r"[a-z]", text)
    turns = sum(a.isdigit() != b.isdigit() for a, b in itertools.pairwise(text))
    takes_turns = turns == len(text) - 1
    if not _HEX_PATTERN.fullmatch(text):
        return takes_turns
    counts = [ord(b) - ord(a) for a, b in itertools.pairwise(text)]
    runs = len(set(counts)) == 1
    repeated = any(
        text == (text[:n] * len(text))[: len(text)] for n in range(1, min(4, len(text) // 2 + 1))
    )
    both = _counts(digits) and _counts(letters) and min(len(digits), len(letters)) >= 3
    return bool(runs or repeated or (takes_turns and both))


def _counts(signs: Sequence[str]) -> bool:
    """Return whether the characters, at least two, go up by one, as in ``abc``, go down by one, as
    in ``321``, or are all the same."""
    steps = {ord(b) - ord(a) for a, b in itertools.pairwise(signs)}
    return steps in ({1}, {-1}, {0})
