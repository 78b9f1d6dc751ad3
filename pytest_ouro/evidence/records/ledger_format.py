"""The formats of a ledger: how its bytes are divided into lines, and its lines into cells."""

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
    """A file's text, the codec it was read with, and what ends most of its lines."""

    text: str
    codec: str
    end: str

    @classmethod
    def decode(cls, data: bytes) -> Text:
        """Return the text of any bytes, with its codec and line end: the encoding is the one that a
        mark at the start names, else UTF-8. Bytes that the encoding does not allow become
        U+FFFD."""
        mark, codec = next((known for known in _MARKS if data.startswith(known[0])), (b"", "utf-8"))
        text = data[len(mark) :].decode(codec, "replace")
        pairs = text.count("\r\n")
        if "\n" not in text and "\r" in text:
            return cls(text, codec, "\r")
        return cls(text, codec, "\r\n" if 2 * pairs > text.count("\n") else "\n")

    def lines(self) -> Iterable[tuple[int, str]]:
        """Return pairs of each line's number, from 1, and the line without its end. Behind a line
        end at the end of the text there is one more line, ""."""
        parts = self.text.split("\r" if self.end == "\r" else "\n")
        if "\r" in self.text:
            parts = [line.rstrip("\r") for line in parts]
        return enumerate(parts, start=1)


#: What a cell holds: text, and in JSON also a number, true, false or null.
Cell = str | float | bool | None


@dataclass(frozen=True)
class Format:
    """How the cells of a line are divided: by tabs, as CSV, by the pipes of a Markdown table, or,
    without a ``separator``, as the values of a JSON object."""

    separator: str

    def split(self, line: str) -> list[str]:
        """Return the cells of a line that is not JSON, as they are read: unquoted in CSV; in a
        Markdown table stripped, and a pipe without the backslash before it. In TSV, a line without
        a tab is split at each backslash with a ``t`` behind it."""
        if self.separator == "\t":
            cells = line.split("\t")
            return cells if len(cells) > 1 else line.split("\\t")  # some tools write \t as it is
        if self.separator == "|":
            inner = line.strip().removeprefix("|")
            cells = [cell.strip().replace("\\|", "|") for cell in re.split(_PIPE, inner)]
            return cells[:-1] if len(cells) > 1 and not cells[-1] else cells
        return next(read_csv([(1, line)], self.separator))[2]

    def join(self, cells: Sequence[Cell], names: Sequence[str] = ()) -> str:
        """Return the line of these cells, without a line end; None is written as an empty cell, in
        JSON as null. The cells hold no control characters. ``names`` are the keys of a JSON
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
    """Return the format of a new file by the end of its name: CSV, JSON lines or Markdown, else
    TSV."""
    ends = (known for end, known in _OF_NAME.items() if name.lower().endswith(end))
    return next(ends, TSV)


def read_csv(
    lines: Sequence[tuple[int, str]], separator: str
) -> Iterator[tuple[int, str, list[str]]]:
    """Yield for each CSV record the number of its first line, its text, and the list of its cells;
    [""] for a blank line. ``lines`` are pairs of number and text.

    A quoted cell may hold line ends. A quote that is opened and not closed is a character, and the
    line is split at each ``separator``; so is one with a cell of more than 128 KiB.
    """
    import csv

    at = 0
    while at < len(lines):
        taken = at

        def feed() -> Iterator[str]:
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
    """Return the keys and the values of the JSON object that ``text`` begins with, at its first
    character, and the place where it ends; ``(), [], 0`` if there is none, and ``(), [], END`` for
    ``{}``. A list or an object among the values is JSON text; of a key that stands twice the last
    value counts."""
    import json

    try:
        found, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return (), [], 0
    if not isinstance(found, dict):
        return (), [], 0
    values = [json.dumps(v) if isinstance(v, (list, dict)) else v for v in found.values()]
    return tuple(found), values, end
