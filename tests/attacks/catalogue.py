"""The programs and what their headers say: class, outcome at every level, what else a test needs.

Used by the tests and by docs/generate.py.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
LEVELS = ("supervised", "judged", "sandboxed")
OUTCOMES = ("caught", "neutralised", "open")


@dataclass(frozen=True)
class Program:
    """One program. Its docstring: what it does in a line, then ``key: value`` lines.

    ``class``: its kind. ``expect``: the outcome by level. ``why``: what must be said where it is
    caught, one of these. ``trace``: a file below HOME that is there after the run if the attack
    got what it wanted. ``alone``: it ends the process that supervises it, which must not be the
    one that tests. ``twice``: it is run again, and the second run is looked at. ``note``: for
    people.
    """

    path: Path
    title: str
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def kind(self) -> str:
        return self.keys["class"]

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def expected(self) -> dict[str, str]:
        """The outcome at every level."""
        return dict(word.split("=") for word in self.keys["expect"].split())

    @property
    def reasons(self) -> list[str]:
        """Words of which some must be said where it is caught."""
        return [words.strip() for words in self.keys.get("why", "").split("|") if words]

    @property
    def tested_at(self) -> tuple[str, ...]:
        """The levels that say something new: the lowest, the highest, and ``judged`` where it
        differs from the highest."""
        outcome = self.expected
        between = outcome["judged"] != outcome["sandboxed"] or self.kind in JUDGES
        return ("supervised", *(("judged",) if between else ()), "sandboxed")


#: The kinds that the judge alone is there for.
JUDGES = ("causality", "state")


def programs(folder: str) -> list[Program]:
    """The programs of a folder, by name."""
    return [_read(path) for path in sorted((HERE / folder).glob("*.py"))]


def _read(path: Path) -> Program:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    title, _, rest = text.partition("\n")
    keys = dict(line.split(": ", 1) for line in rest.splitlines() if ": " in line)
    return Program(path, title, keys)


def table() -> str:
    """The programs as a Markdown table."""
    rows = ["| class | program | what it does | supervised | judged | sandboxed |", "|" + "---|" * 6]
    for program in sorted(programs("programs"), key=lambda program: (program.kind, program.name)):
        outcome = " | ".join(program.expected[level] for level in LEVELS)
        rows.append(f"| {program.kind} | `{program.name}` | {program.title} | {outcome} |")
    return "\n".join(rows) + "\n"
