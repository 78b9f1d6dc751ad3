"""The programs and their headers: class, outcome at every level, and settings of the test.

Used by the tests and by docs/generate.py.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from pytest_ouro.bound.tables import Experiment
from pytest_ouro.core.schema import keys_of

HERE = Path(__file__).parent
LEVELS = ("supervised", "judged", "sandboxed")
#: The levels that this version of the package can achieve.
ACHIEVABLE = LEVELS if "highest" in keys_of(Experiment) else LEVELS[:1]
OUTCOMES = ("caught", "neutralised", "open")
#: The expected outcome if it differs from run to run.
CHANCE = "chance"


@dataclass(frozen=True)
class Program:
    """One program. Its docstring: what it does in a line, then ``key: value`` lines.

    ``class``: its kind. ``expect``: the outcome by level; ``chance`` where it is not certain, which
    is not tested. ``why``: what must be said where it is caught, one of these. ``trace``: a file
    below HOME that is there after the run if the attack got what it wanted. ``alone``: it ends the
    process that supervises it, which must not be the one that tests. ``twice``: it is run again,
    and the second run is looked at. ``loader``: the function of the harness that the bound names as
    its loader, if it is another one. ``steps``: how many training batches its budget is, if it is
    not counted in CPU seconds. ``evaluation``: the evaluation of a command, if it is another one.
    ``note``: for people.
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
    def loader(self) -> str:
        """The function that the bound names as the loader."""
        return self.keys.get("loader", "make_dataloader")

    @property
    def steps(self) -> int:
        """How many training batches the budget is; 0 if it is counted in CPU seconds."""
        return int(self.keys.get("steps", 0))

    @property
    def reasons(self) -> list[str]:
        """Words of which one must be in the message if the program is caught."""
        return [words.strip() for words in self.keys.get("why", "").split("|") if words]

    @property
    def certain(self) -> tuple[str, ...]:
        """The levels at which the outcome does not depend on chance."""
        return tuple(level for level in ACHIEVABLE if self.expected[level] != CHANCE)


def needed(found: list[Program]) -> set[tuple[str, str]]:
    """Return the names and levels that tier 2 tests: where protection could be lost.

    A program is tested at a level whose own mechanism decides: it stops the program, and there is
    no next level or that one does so otherwise. Of the programs of a class that the same mechanism
    stops, the first is enough: those that are caught with the same first words of ``why``, or that
    are neutralised and have the same outcome at the level below. A level that leaves a program open
    cannot get worse.
    """
    decided: dict[object, tuple[str, str]] = {}
    for program in found:
        below = "open"
        for level, above in zip_longest(program.certain, program.certain[1:]):
            outcome = program.expected[level]
            if outcome != "open" and (above is None or outcome != program.expected[above]):
                how = program.reasons[0] if outcome == "caught" else below
                decided.setdefault((program.kind, level, outcome, how), (program.name, level))
            below = outcome
    return {*decided.values()}


def highest(found: list[Program]) -> set[tuple[str, str]]:
    """Return the name of each program, and the highest level at which its outcome is certain."""
    return {(program.name, program.certain[-1]) for program in found}


def programs(folder: str) -> list[Program]:
    """The programs of a folder, by name."""
    return [_read(path) for path in sorted((HERE / folder).glob("*.py"))]


def _read(path: Path) -> Program:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    title, _, rest = text.partition("\n")
    keys = dict(line.split(": ", 1) for line in rest.splitlines() if ": " in line)
    return Program(path, title, keys)


def sample(found: list[Program]) -> list[Program]:
    """Return one program of each class: a run takes two CPU seconds."""
    firsts: dict[str, Program] = {}
    for program in found:
        firsts.setdefault(program.kind, program)
    return list(firsts.values())


def outcomes() -> str:
    """Return the number of each outcome by level as Markdown, then the programs that no level
    stops."""
    found = programs("programs")
    rows = [_row("level", *OUTCOMES, CHANCE), _row(*["---"] * (2 + len(OUTCOMES)))]
    for level in ACHIEVABLE:
        counted = [p.expected[level] for p in found]
        numbers = (str(counted.count(outcome)) for outcome in (*OUTCOMES, CHANCE))
        rows.append(_row(f"`{level}`", *numbers))
    rows += [
        "",
        _row(f"open at `{ACHIEVABLE[-1]}`, or by chance", "what it does", "note"),
        _row(*["---"] * 3),
    ]
    for p in found:
        if p.expected[ACHIEVABLE[-1]] in ("open", CHANCE):
            rows.append(_row(f"`{p.name}`", p.title, p.keys.get("note", "")))
    return "\n".join(rows) + "\n"


def table(folder: str = "programs") -> str:
    """Return every program with its outcomes as Markdown: a section for each class, or one for
    those in ``commands``."""
    rows: list[str] = []
    found = programs(folder)
    for kind in sorted({p.kind for p in found}) if folder == "programs" else ["commands"]:
        head = _row("program", "what it does", *ACHIEVABLE)
        rows += [f"\n## {kind}\n", head, _row(*["---"] * (2 + len(ACHIEVABLE)))]
        for p in found:
            if p.kind == kind or kind == folder:
                results = [p.expected[level] for level in ACHIEVABLE]
                rows.append(_row(f"`{p.name}`", p.title, *results))
    return "\n".join(rows) + "\n\n"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
