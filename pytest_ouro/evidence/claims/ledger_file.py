"""A file that is taken for a ledger, as it was found."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_ouro.core import limits
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.content import read_regular
from pytest_ouro.evidence.ledger import ledger as ledgers
from pytest_ouro.evidence.ledger.ledger_format import Text
from pytest_ouro.evidence.ledger.markdown_tables import RULER, tables_as_lines
from pytest_ouro.messages import records as messages

if TYPE_CHECKING:
    from pytest_ouro.evidence.ledger.ledger import Ledger

Place = Literal["working tree", "last commit", "earlier commit", "given file"]

#: What is between the cells of a line whose columns stand below each other.
_GAP = re.compile(r" {2,}")
#: The most bytes of a list of JSON objects.
_LARGEST = 4 << 20


@dataclass(frozen=True)
class LedgerFile:
    """A ledger that was found: its path from the repository's top (as it was given, if it lies
    outside), its bytes, the kind of place where it was found, the full id of the commit that has it
    ("" for a file on the disk), and in words why it is taken for the ledger ("": by its name and
    its columns, or since the user named it)."""

    path: str
    data: bytes
    place: Place
    commit: str = ""
    why: str = ""

    def parse(self, metric: str = "") -> Ledger:
        """Return the ledger; ``metric`` is the name of the metric ("": unknown). A list of JSON
        objects is read as lines of JSON, each object at the line where it begins, and a table whose
        cells are apart by several blanks, or one within a Markdown text, as one with tabs."""
        return ledgers.parse(_as_lines(self.data), Path(self.path), metric)


def read_disk(path: Path) -> bytes:
    """Return the bytes of a ledger on the disk. Raise LimitError if it is too large, RecordError if
    it is absent, not a regular file, also a link, or cannot be read."""
    try:
        return read_regular(str(path), limits.LEDGER)
    except OSError as error:
        raise messages.unreadable_ledger(path, str(error.strerror)) from None


def _as_lines(data: bytes) -> bytes:
    """Return the bytes of a ledger with one row a line: a list of JSON objects as lines of JSON,
    the tables of a Markdown text and cells that are apart by several blanks with tabs between them.
    Any other ledger is returned unchanged."""
    start = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"[" or (start == b"{" and re.match(rb"\s*\{\s*\n", data)):
        return _list_as_lines(data) if len(data) <= _LARGEST else data
    if b"|" in data and RULER.search(data):
        text = Text.decode(data).text
        if (tables := tables_as_lines(text)) != text:
            return tables.encode()
    if start in (b"{", b"|") or b"\t" in data[:4096] or b"  " not in data[:4096]:
        return data
    text = Text.decode(data).text
    lines = text.split("\n")
    split = [_GAP.split(line.strip()) for line in lines]
    widths = [len(cells) for cells in split if len(cells) > 1]
    usual = max(set(widths), key=widths.count, default=0)
    if usual < 3 or 3 * widths.count(usual) < 2 * sum(bool(line.strip()) for line in lines):
        return data
    return "\n".join("\t".join(cells) for cells in split).encode()


def _list_as_lines(data: bytes) -> bytes:
    """Return a list of JSON objects, or the longest one within an object, as lines of JSON with
    each at the number of the line that it begins in; the data unchanged if there is none, or it has
    fewer than two objects or anything else."""
    text = Text.decode(data).text
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return data
    lists = [whole] if isinstance(whole, list) else []
    if isinstance(whole, dict):
        lists += [one for one in whole.values() if isinstance(one, list)]
    rows = max(lists, key=len, default=[])
    if len(rows) < 2 or not all(isinstance(row, dict) for row in rows):
        return data
    decoder = json.JSONDecoder()
    lines = [""]
    at, counted, tries = 0, 0, len(rows) + 100
    for row in rows:
        found: object = None
        while found != row:
            at, tries = text.find("{", at), tries - 1
            if at < 0 or tries < 0:
                return data
            try:
                found, end = decoder.raw_decode(text, at)
            except (ValueError, RecursionError):
                return data
            lines += [""] * text.count("\n", counted, at)
            counted = at
            at = end if found == row else at + 1
        lines[-1] += json.dumps(row)
    return "\n".join(lines).encode()
