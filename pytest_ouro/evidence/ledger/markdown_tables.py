"""Read the tables of a Markdown text as lines of cells with tabs between them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_ouro.evidence.ledger.ledger_format import MARKDOWN
from pytest_ouro.evidence.ledger.ledger_names import normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

#: A line that may be the one between the head of a table and its rows, and a cell of it.
RULER = re.compile(rb"(?m)^[ \t|:-]+\r?$")
_RULE = re.compile(r":?-+:?")
#: A link or a picture, of which the text stays, and marks around words.
_LINK = re.compile(r"!?\[([^\[\]]{0,200})\]\([^()\s]{0,400}(?:[ \t]\"[^\"]{0,200}\")?\)")
_MARKS = re.compile(r"`|\*\*|~~|<br ?/?>")


def is_ruler(line: str) -> bool:
    """Return whether a line is the one between the head of a table, with at least three columns,
    and its rows."""
    if "|" not in line or line.strip().strip(" \t|:-") or not ("--" in line or ":" in line):
        return False
    cells = MARKDOWN.split(line)
    return len(cells) >= 3 and all(map(_RULE.fullmatch, cells))


def tables_as_lines(text: str) -> str:
    """Return the tables of a text as lines with tabs between their cells, each at the line where it
    is; the other lines are empty. Tables that share less than half of the columns with the longest
    one are left out. The text is returned as it is if it has no table."""
    lines = text.split("\n")
    found = [_read(lines, n) for n, line in enumerate(lines) if n and is_ruler(line)]
    tables = [table for table in found if table]
    if not tables:
        return text
    most = set(map(normalise, max(tables, key=len)[0][1]))
    out = [""] * len(lines)
    for table in tables:
        if 2 * len(most & set(map(normalise, table[0][1]))) >= len(most):
            for n, cells in table:
                out[n] = "\t".join(cells)
    return "\n".join(out)


def _read(lines: Sequence[str], ruler: int) -> list[tuple[int, list[str]]]:
    """Return the lines of the table whose ruler is at the place ``ruler``, each with its place
    (from 0) and its cells, the head first; rows without text are left out. [] if the line above is
    not a head."""
    head = _cells(lines[ruler - 1])
    if "|" not in lines[ruler - 1] or len(head) != len(_cells(lines[ruler])):
        return []
    found = [(ruler - 1, head)]
    for n in range(ruler + 1, len(lines)):
        if "|" not in lines[n] or is_ruler(lines[n]):
            break
        if any(cells := _cells(lines[n])):
            found.append((n, cells))
    return found


def _cells(line: str) -> list[str]:
    """Return the cells of a row as plain texts, without marks such as ``**`` and with the text of a
    link in its place."""
    cells = MARKDOWN.split(line)
    if "[" not in line and not _MARKS.search(line) and "\t" not in line:
        return cells
    plain = (_MARKS.sub("", _LINK.sub(r"\1", cell.replace("\t", " "))) for cell in cells)
    return [cell.strip() for cell in plain]
