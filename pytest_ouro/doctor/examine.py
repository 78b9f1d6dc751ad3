"""Examine everything that the doctor reports without a run, and sum it up as an exit status."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import BoundError, OuroError
from pytest_ouro.doctor.doors import examine_doors
from pytest_ouro.doctor.item import Item
from pytest_ouro.doctor.machine import Machine
from pytest_ouro.doctor.rules import examine_bound, examine_git, examine_rules, read_bound
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.git.client import Git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Examination:
    """What the doctor found: the ``items``, in the order of the report, and ``machine``, which says
    what this machine has for the experiment of the trusted rules; None if there are no trusted
    rules, or they cannot be read."""

    items: list[Item] = field(default_factory=list)
    machine: Machine | None = None

    @property
    def status(self) -> int:
        """The exit status: 2 if an item is ``unknown``, else 1 if an item ``fails``, else 0, as all
        that the bound demands is enforced."""
        states = {item.state for item in self.items}
        return 2 if "unknown" in states else 1 if "fails" in states else 0


def examine(
    path: Path,
    *,
    trust: str | None = None,
    run_commands: bool = False,
    missing: OuroError | None = None,
) -> Examination:
    """Return the examination of the experiment of the bound.toml at ``path``, and of what this
    machine has for it. An OuroError on the way becomes an item of it.

    ``trust`` names the commit to trust. ``run_commands`` allows to start the interpreter that the
    bound names. ``missing`` is the error that says why no bound.toml was found; then ``path`` is
    where one would be, only its folder counts, and the rules and the machine are not examined.
    """
    found = Examination()
    found.items += _examine(path, trust, run_commands, missing, found)
    return found


def _examine(
    path: Path,
    trust: str | None,
    run_commands: bool,
    missing: OuroError | None,
    found: Examination,
) -> Iterator[Item]:
    """Yield the items in the order of the report: git, the bound or why it is missing, the
    experiment with its records and machine, and where the gate and the guard are called. Set the
    machine of ``found``. Outside of a repository there is one item only."""
    try:
        git = Git.discover(path.parent)
    except OuroError as error:
        yield Item.from_error("git", "unknown", error)
        return
    yield examine_git(git)
    if missing or not path.is_file():
        words = missing.message if missing else f"{path} does not exist"
        yield Item("bound", "unknown", words, "pytest-ouro init")
    else:
        yield from _examine_experiment(git, path, trust, run_commands, found)
    yield from examine_doors(git, path if path.is_file() else None)


def _examine_experiment(
    git: Git, path: Path, trust: str | None, run_commands: bool, found: Examination
) -> Iterator[Item]:
    """Yield the items about the rules, the records and the machine, and set the machine of
    ``found``. If the trusted rules are faulty, yield only an item that says so. If they cannot be
    read, yield only the item about the bound in the working tree, or why that cannot be read
    either, and why trust is unknown."""
    try:
        case = open_case(path, trust=trust, run_commands=run_commands)
    except BoundError as error:
        yield _report_invalid(error)
    except OuroError as error:
        try:
            yield examine_bound(read_bound(git, path))
        except BoundError as fault:
            yield _report_invalid(fault)
        except OuroError as fault:
            yield Item.from_error("bound", "unknown", fault)
        yield Item.from_error("trust", "unknown", error)
    else:
        found.machine = Machine(case)
        yield examine_bound(case.bound)
        yield from examine_rules(case, path)
        yield from found.machine.items()


def _report_invalid(error: BoundError) -> Item:
    """Return the item about a bound that is not valid, with its first problem and the number of the
    others."""
    first, *others = error.problems
    words = first + (f" (and {len(others)} more)" if others else "")
    return Item("bound", "unknown", words, error.help)
