"""The formats of a ledger: how its bytes are split into lines, and a line into cells."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: The mark at the start of a file, and the encoding that it names.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_PIPE = r"(?<!\\)\|"


@dataclass(frozen=True)
class Text:
    """The decoded text of a file, the Python codec by which it was decoded, and the line end of
    most of its lines."""

    text: str
    codec: str
    end: str

    @classmethod
    def decode(cls, data: bytes) -> Text:
        """Decode the bytes of a file by the encoding of its byte order mark, which is removed, or
        as UTF-8 if it has none. Invalid bytes become U+FFFD."""
        mark, codec = next((known for known in _MARKS if data.startswith(known[0])), (b"", "utf-8"))
        text = data[len(mark) :].decode(codec, "replace")
        pairs = text.count("\r\n")
        if "\n" not in text and "\r" in text:
            return cls(text, codec, "\r")
        return cls(text, codec, "\r\n" if 2 * pairs > text.count("\n") else "\n")

    def lines(self) -> Iterable[tuple[int, str]]:
        """Return pairs of each line's number, from 1, and its text without the line end. A final
        line end is followed by one more line, ""."""
        parts = self.text.split("\r" if self.end == "\r" else "\n")
        if "\r" in self.text:
            parts = [line.rstrip("\r") for line in parts]
        return enumerate(parts, start=1)


#: What a cell holds: text, and in JSON also a number, true, false or null.
Cell = str | float | bool | None


@dataclass(frozen=True)
class Format:
    """A format of rows, by its separator: tab, ``,`` or ``;`` (CSV), ``|`` (Markdown table), or ""
    for JSON objects."""

    separator: str

    def split(self, line: str) -> list[str]:
        r"""Split a line, in any format but JSON, into its cells: CSV cells are unquoted, those of
        Markdown are stripped, with ``\|`` as ``|``. A tab-separated line without a tab is split at
        each ``\t``, written as a backslash and the letter t, as some tools do."""
        if self.separator == "\t":
            cells = line.split("\t")
            return cells if len(cells) > 1 else line.split("\\t")  # some tools write \t as it is
        if self.separator == "|":
            inner = line.strip().removeprefix("|")
            cells = [cell.strip().replace("\\|", "|") for cell in re.split(_PIPE, inner)]
            return cells[:-1] if len(cells) > 1 and not cells[-1] else cells
        return next(read_csv([(1, line)], self.separator))[2]

    def join(self, cells: Sequence[Cell], names: Sequence[str] = ()) -> str:
        """Return the line that has these cells, without a line end. None becomes an empty cell, in
        JSON null. Cells must not have control characters. ``names`` are the keys of the JSON
        object."""
        if not self.separator:
            import json

            return json.dumps(dict(zip(names, cells, strict=True)), ensure_ascii=False)
        words = ["" if cell is None else str(cell) for cell in cells]
        if self.separator == "\t":
            return "\t".join(words)
        if self.separator == "|":
            return "| " + " | ".join(word.replace("|", "\\|") for word in words) + " |"
        import csv
        import io

        line = io.StringIO()
        csv.writer(line, delimiter=self.separator, lineterminator="").writerow(words)
        return line.getvalue()


TSV, CSV, SEMICOLONS, MARKDOWN, JSONL = map(Format, ("\t", ",", ";", "|", ""))
#: The format of a new file, by the end of its name; TSV for any other.
_OF_NAME = {".csv": CSV, ".jsonl": JSONL, ".ndjson": JSONL, ".md": MARKDOWN}


def of_name(name: str) -> Format:
    """Return the format of a new ledger by the suffix of its file name: CSV, JSON lines or
    Markdown; for any other suffix tab-separated."""
    ends = (known for end, known in _OF_NAME.items() if name.lower().endswith(end))
    return next(ends, TSV)


def read_csv(
    lines: Sequence[tuple[int, str]], separator: str
) -> Iterator[tuple[int, str, list[str]]]:
    """Yield for each CSV record in ``lines`` (number and text) the number of its first line, its
    text and its cells, which are ``[""]`` for a blank line.

    A quoted cell may have line ends. A line with a quote that is never closed, or with a cell of
    more than 128 KiB, is split at each ``separator`` instead.
    """
    import csv

    at = 0
    while at < len(lines):
        taken = at

        def feed() -> Iterator[str]:
            """Yield the lines from the record's first one on, and count in ``taken`` those that
            were read."""
            nonlocal taken
            while taken < len(lines):
                taken += 1
                yield lines[taken - 1][1] + "\n"

        try:
            cells = next(
                csv.reader(feed(), delimiter=separator, strict=True, skipinitialspace=True)
            )
        except csv.Error:  # an open quote, or a cell of more than 128 KiB
            taken, cells = at + 1, lines[at][1].split(separator)
        text = "\n".join(line for _, line in lines[at:taken])
        yield lines[at][0], text, cells or [""]
        at = taken


def read_object(text: str) -> tuple[tuple[str, ...], list[Cell], int]:
    """Parse the JSON object that ``text`` begins with; return its keys, its values, and the
    position in ``text`` where it ends.

    Return ``(), [], 0`` if ``text`` does not begin with a JSON object; for ``{}`` the position is
    not 0. A value that is a list or an object is returned as JSON text. If a key occurs twice, the
    last value counts.
    """
    import json

    try:
        found, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return (), [], 0
    if not isinstance(found, dict):
        return (), [], 0
    values = [json.dumps(v) if isinstance(v, (list, dict)) else v for v in found.values()]
    return tuple(found), values, end
