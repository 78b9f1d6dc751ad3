"""Everything the doctor looks at, without a run: one item each, and what the whole comes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import BoundError, OuroError
from pytest_ouro.doctor.doors import doors
from pytest_ouro.doctor.item import Item
from pytest_ouro.doctor.machine import Machine
from pytest_ouro.doctor.rules import bound_item, git_item, readable_bound, rules
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.git.client import Git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_ouro.engine import Case


@dataclass
class Examination:
    """The items found; ``case`` and ``machine`` where there is a bound that could be judged."""

    items: list[Item] = field(default_factory=list)
    case: Case | None = None
    machine: Machine | None = None

    @property
    def status(self) -> int:
        """0: all that the bound demands is enforced; 1: not all; 2: it could not be judged."""
        states = {item.state for item in self.items}
        return 2 if "unknown" in states else 1 if "fails" in states else 0


def examine(path: Path, *, trust: str | None = None) -> Examination:
    """Look at the experiment of the bound.toml at ``path``, and at what this machine has for it."""
    found = Examination()
    found.items += _examined(path, trust, found)
    return found


def without_bound(folder: Path, why: OuroError) -> Examination:
    """What can be told of a folder that has no bound.toml."""
    try:
        git = Git.discover(folder)
    except OuroError as error:
        return Examination([Item("git", "unknown", error.message, error.help)])
    bound = Item("bound", "unknown", why.message, "pytest-ouro init")
    return Examination([git_item(git), bound, *doors(git)])


def _examined(path: Path, trust: str | None, found: Examination) -> Iterator[Item]:
    try:
        git = Git.discover(path.parent)
    except OuroError as error:
        yield Item("git", "unknown", error.message, error.help)
        return
    yield git_item(git)
    if not path.is_file():
        yield Item("bound", "unknown", f"{path} does not exist", "pytest-ouro init")
        return
    try:
        found.case = open_case(path, trust=trust)
        yield bound_item(found.case.bound)
    except BoundError as error:
        yield _no_bound(error)
    except OuroError as error:
        try:
            yield readable_bound(git, path)
        except BoundError as fault:
            yield _no_bound(fault)
        yield Item("trust", "unknown", error.message, error.help)
    if found.case is not None:
        found.machine = Machine(found.case)
        yield from rules(found.case, path)
        yield from found.machine.items()
    yield from doors(git)


def _no_bound(error: BoundError) -> Item:
    first, *more = error.problems
    words = first + (f" (and {len(more)} more)" if more else "")
    return Item("bound", "unknown", words, "fix it: pytest-ouro init --render tells every fault")
