"""Collect the faults of a TOML file, each with its line, so that a person sees them all at once."""

from __future__ import annotations

from functools import cached_property

Where = tuple[str | int, ...]


#: Spaces and quotation marks around a key.
_AROUND = " \t\"'"


def line_numbers(text: str) -> dict[Where, int]:
    """Return the line numbers (from 1) of the table headers and of the lines ``key =`` in a TOML
    text, by place; the first line of a place counts.

    A place is a path of keys: ``("experiment", "cpu", "budget")``. A key of the first
    ``[[never-do]]`` is ``("never-do", 0, "id")``, and its header both ``("never-do", 0)`` and
    ``("never-do",)``. Keys in inline tables are not in the dict, nor is what is within a string of
    three quotation marks. A dotted key ``a.b =`` is the single key ``"a.b"``; what looks like a key
    in a comment, or like a header in a list, may count.
    """
    lines: dict[Where, int] = {}
    table: Where = ()
    counts: dict[str, int] = {}
    in_string = False
    for number, line in enumerate(text.split("\n"), start=1):  # TOML knows no other line ends
        if not line or (line[0] == "#" and not in_string):
            continue
        was_in_string = in_string
        if (line.count('"""') + line.count("'''")) % 2:
            in_string = not in_string
        if was_in_string:
            continue
        key, equals, _ = line.partition("=")
        header = line.partition("#")[0].strip()
        if header.startswith("[") and header.endswith("]"):
            name = header.strip("[] ")
            table = tuple(part.strip(_AROUND) for part in name.split("."))
            if header.startswith("[["):
                lines.setdefault(table, number)
                counts[name] = counts.get(name, -1) + 1
                table = (*table, counts[name])
            lines.setdefault(table, number)
        elif equals and (key := key.strip())[:1] in (key[-1:], key[:1].strip("\"'")):
            lines.setdefault((*table, key.strip(_AROUND)), number)  # no text of a list
    return lines


class Problems:
    """Collects the faults of one TOML file, each with its line. ``file`` is its name in messages,
    ``text`` its content, ``line`` that of a place without a line of its own (0: none), and
    ``found`` are pairs of line and text."""

    def __init__(self, file: str, text: str, line: int = 0) -> None:
        self.file, self.text, self.line = file, text, line
        self.found: list[tuple[int, str]] = []

    @cached_property
    def lines(self) -> dict[Where, int]:
        """The lines of the tables and keys, as `line_numbers` returns them."""
        return line_numbers(self.text)

    def add(self, where: Where, text: str) -> None:
        """Add the fault ``text`` of the place ``where``. Its line is that of the place, or of the
        nearest enclosing table that has one, or ``self.line``."""
        around = (where[:end] for end in range(len(where), -1, -1))
        line = next((self.lines[place] for place in around if place in self.lines), self.line)
        self.found.append((line, text))

    def sorted(self) -> tuple[str, ...]:
        """Return the faults, sorted by line, as ``file:line: text``; those without a line come
        first, as ``file: text``."""
        return tuple(
            f"{self.file}:{line}: {text}" if line else f"{self.file}: {text}"
            for line, text in sorted(self.found)
        )


def table_name(where: Where) -> str:
    """Return the name of the table at a place, without indexes: ``experiment.cpu``, ``never-do``;
    "" for ``()``, the whole file."""
    return ".".join(str(part) for part in where if isinstance(part, str))
