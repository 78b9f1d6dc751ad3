"""Ledgers as people and agents write them: columns, sentinels, encodings, line ends, accidents."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Outcome = Literal["baseline", "keep", "discard", "crash"]
#: A column: the name in the header, and what is in it (see `Row.cells`, or ``=text``).
Column = tuple[str, str]


def columns(text: str) -> tuple[Column, ...]:
    """Columns from ``name`` or ``name:content``, separated by spaces; an underscore stays one."""
    pairs = (word.partition(":") for word in text.split())
    return tuple((name.replace("~", " "), content or name) for name, _, content in pairs)


CANONICAL = columns("commit val_bpb:metric memory_gb:memory status description")


@dataclass(frozen=True)
class Style:
    """The form of a ledger.

    ``cell`` is the commit's cell, with the fields ``{short}`` (7 hex), ``{eight}``, ``{long}``
    (40 hex), ``{parent}`` (7 hex of the parent) and ``{n}`` (the number of the experiment).
    ``missing`` stands for the metric of a crash. ``words`` has the status word of each outcome.
    ``before`` are lines above the header. In JSON lines a dot in a name nests. ``bars`` separates
    cells by ``|``; ``markdown`` is a table with a ruler below its header; ``array`` is one JSON
    list with an object on each line, whose first line, the bracket, ``before`` has to give.
    """

    path: str = "results.tsv"
    kind: Literal["tsv", "csv", "semicolons", "jsonl", "bars", "markdown", "array"] = "tsv"
    columns: tuple[Column, ...] = CANONICAL
    header: bool = True
    before: tuple[str, ...] = ()
    end: str = "\n"
    final_end: bool = True
    encoding: str = "utf-8"
    decimals: int = 6
    missing: str = "0.000000"
    no_memory: str = "0.0"
    cell: str = "{short}"
    words: Mapping[str, str] = field(default_factory=dict)
    quotes: bool = False

    def word(self, outcome: Outcome) -> str:
        """The status word of an outcome; a baseline without a word of its own is a keep."""
        if outcome == "baseline":
            return self.words.get("baseline", self.words.get("keep", "keep"))
        return self.words.get(outcome, outcome)


@dataclass(frozen=True)
class Row:
    """What a row says of one experiment; ``more`` has the text of further columns."""

    commit: str
    metric: str
    status: str
    description: str
    memory: str
    n: int
    time: str
    delta: str
    more: Mapping[str, str] = field(default_factory=dict)

    def cells(self) -> dict[str, str]:
        """The cells by the contents that a column may have."""
        mine = {
            "commit": self.commit,
            "metric": self.metric,
            "status": self.status,
            "description": self.description,
            "memory": self.memory,
            "n": str(self.n),
            "time": self.time,
            "delta": self.delta,
        }
        return {**mine, **self.more}


def _nested(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The pairs as JSON, in which a dot of a name opens an object."""
    out: dict[str, object] = {}
    for name, value in pairs:
        *path, last = name.split(".")
        inner = out
        for part in path:
            inner = inner.setdefault(part, {})  # type: ignore[assignment]
        inner[last] = value
    return out


def _json_value(text: str) -> object:
    try:
        value = float(text)
    except ValueError:
        return text if text else None
    if value != value or abs(value) == float("inf"):
        return None
    return int(value) if text.isdigit() else value


class Ledger:
    """The lines of a ledger; a line's number counts from 1."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.columns = style.columns
        self.lines: list[str] = list(style.before)
        self.ends: dict[int, str] = {}
        self.rows = 0
        self.rows_more = 0
        if style.header and style.kind not in ("jsonl", "array"):
            self.head(style.columns)

    def copy(self) -> Ledger:
        """A ledger with the same lines."""
        other = Ledger(self.style)
        other.columns, other.lines, other.ends = self.columns, list(self.lines), dict(self.ends)
        other.rows, other.rows_more = self.rows, self.rows_more
        return other

    def head(self, columns: tuple[Column, ...]) -> int:
        """Add a header; it holds for the rows below it."""
        self.columns = columns
        line = self.raw(self._join([name for name, _ in columns]))
        if self.style.kind == "markdown":
            self.raw("|" + " --- |" * len(columns))
        return line

    def text(self, row: Row) -> str:
        """A row as one line, without its end."""
        cells = row.cells()
        values = [
            content[1:] if content.startswith("=") else cells.get(content, "")
            for _, content in self.columns
        ]
        if self.style.kind in ("jsonl", "array"):
            texts = {"commit", "status", "description", "time"}
            pairs = [
                (name, value if content in texts else _json_value(value))
                for (name, content), value in zip(self.columns, values, strict=True)
            ]
            return json.dumps(_nested(pairs))
        return self._join(values)

    def _join(self, values: list[str]) -> str:
        if self.style.kind == "markdown":
            return "| " + " | ".join(value.replace("|", "\\|") for value in values) + " |"
        separators = {"csv": ",", "semicolons": ";", "bars": "|"}
        separator = separators.get(self.style.kind, "\t")
        if self.style.quotes or self.style.kind != "tsv":
            special = (separator, '"', "\n")
            values = [
                '"' + value.replace('"', '""') + '"'
                if self.style.quotes or any(sign in value for sign in special)
                else value
                for value in values
            ]
        return separator.join(values)

    def add(self, row: Row, end: str | None = None) -> int:
        """Add a row and return its line; ``end`` is its own line end."""
        self.rows += 1
        return self.raw(self.text(row), end)

    def raw(self, text: str, end: str | None = None) -> int:
        """Add a line that is not counted as a row, and return its number."""
        self.lines.append(text)
        if end is not None:
            self.ends[len(self.lines)] = end
        return len(self.lines)

    def change(self, line: int, old: str, new: str) -> None:
        """Replace a text in a line; it must be there."""
        assert old in self.lines[line - 1]
        self.lines[line - 1] = self.lines[line - 1].replace(old, new)

    def drop(self, first: int, last: int) -> None:
        """Remove these lines, both included, which hold one row each."""
        del self.lines[first - 1 : last]
        self.rows -= last - first + 1

    def render(self) -> bytes:
        """The bytes of the file."""
        lines = self.lines
        if self.style.kind == "array":
            last = len(lines) - 1
            commas = [line + "," * (0 < at < last) for at, line in enumerate(lines)]
            lines = [*commas, "]"]
        text = "".join(
            line + self.ends.get(number, self.style.end) for number, line in enumerate(lines, 1)
        )
        if not self.style.final_end:
            text = text.rstrip("\r\n")
        return text.encode(self.style.encoding)
