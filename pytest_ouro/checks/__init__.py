"""Checks: pure functions of a rule's parameters and the evidence, one file or folder each.

A check is a frozen dataclass: its fields are the parameters that bound.toml may give it (their
TOML keys are the names with ``-``), and ``findings`` judges. It is loaded when a rule names it.
The check ``frozen-data`` is the class ``FrozenData`` of the module ``frozen_data``.
"""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Literal

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.schema import values_of
from pytest_ouro.evidence.paths import DataGlob, matching

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from importlib.metadata import EntryPoint
    from pathlib import Path

    from pytest_ouro.core.finding import Finding
    from pytest_ouro.evidence.evidence import Evidence, Layout

#: What a check looks at. ``repository`` is judged before any run, ``run`` is judged on a run.
Stage = Literal["repository", "ledger", "run", "human"]


def _own_names() -> Iterator[str]:
    folder = os.path.dirname(__file__)  # noqa: PTH120 - pathlib costs more
    for name in os.listdir(folder):  # noqa: PTH208
        stem, _, ending = name.partition(".")
        is_package = not ending and os.path.isfile(f"{folder}/{name}/__init__.py")  # noqa: PTH113
        if (ending == "py" or is_package) and not stem.startswith("_"):
            yield stem.replace("_", "-")


#: The names of our checks, as bound.toml uses them.
CHECKS = tuple(sorted(_own_names()))
#: The group of entry points under which a package registers checks of its own.
ENTRY_POINTS = "pytest_ouro.checks"


@dataclass(frozen=True, kw_only=True)
class Protection:
    """What `pytest-ouro guard` refuses before it is done. Globs are from the repository's top.

    ``frozen`` files may not be changed, moved or removed; ``untracked`` ones may not be added to
    git. In the folder ``within`` ("" is the whole repository) only ``free`` files may change; None
    confines nothing. ``installs``: no package may be installed.
    """

    frozen: Sequence[str] = ()
    untracked: Sequence[str] = ()
    within: str | None = None
    free: Sequence[str] = ()
    installs: bool = False


class Check(ABC):
    """What every check is: parameters as fields, a stage, findings, and what the other commands
    ask of it."""

    stage: ClassVar[Stage] = "repository"
    #: Judged once more on the run that has just ended; what it finds then is a breach.
    after_run: ClassVar[bool] = False

    @abstractmethod
    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """The violations, none if the rule holds."""

    def skipped(self, evidence: Evidence) -> str:
        """Why there is nothing to judge here; "" where there is."""
        return ""

    def protects(self, layout: Layout) -> Protection:
        """What the guard refuses. It follows from bound.toml alone, because the guard keeps it."""
        return Protection()

    def data_globs(self, layout: Layout) -> Iterable[str]:
        """The data that it judges: blessed, refused to edits, and readable in the sandbox.

        Globs from the experiment's root, absolute or below ``~``; by default its `DataGlob`s.
        """
        return [glob for _, glob in values_of(self, DataGlob)]

    def trusted_paths(self, evidence: Evidence) -> Iterable[str]:
        """Files (from the repository's top) whose present bytes `bless` must record for it; by
        default the tracked ones that it freezes. TrustError where none of them can be blessed."""
        return matching(evidence.repository.index, self.protects(evidence.layout).frozen)

    def trusted_data(self, evidence: Evidence) -> Iterable[Path]:
        """Files of data whose present bytes `bless` must record for it."""
        from pytest_ouro.evidence import data

        globs = self.data_globs(evidence.layout)
        return {path for glob in globs for path in data.files(glob, evidence.root)}


def load(name: str) -> type[Check]:
    """The class of a check of ours, or of a package's; KeyError for an unknown name.

    ImportError where it cannot be loaded, or where more than one distribution gives the name.
    """
    entries = _registered(tuple(sys.path), known=name in CHECKS).get(name, [])
    givers = ["pytest-ouro"] * (name in CHECKS) + sorted(map(provider, entries))
    if len(givers) > 1:
        raise ImportError(
            f"{' and '.join(givers)} each have a check of this name: "
            "rename it in one of them, or uninstall that"
        )
    return _own(name) if name in CHECKS else _of_package(entries[0] if entries else None, name)


def _own(name: str) -> type[Check]:
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    found: type[Check] = getattr(module, "".join(map(str.capitalize, name.split("-"))))
    return found


def _of_package(entry: EntryPoint | None, name: str) -> type[Check]:
    if entry is None:
        raise KeyError(name)
    given = f"{entry.value} of {provider(entry)}"
    try:
        loaded = entry.load()
    except Exception as error:  # whatever a package's module does when it is imported
        raise ImportError(f"{given} cannot be loaded: {error}") from error
    if not (isinstance(loaded, type) and issubclass(loaded, Check)):
        raise ImportError(f"{given} is not a class derived from pytest_ouro.Check")
    return loaded


def registered() -> dict[str, list[EntryPoint]]:
    """The entry points by which installed packages register checks, by the checks' names."""
    return _registered(tuple(sys.path), known=False)


def provider(entry: EntryPoint) -> str:
    """The distribution that has an entry point, and its version: ``my-rules 1.0``."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value


@lru_cache(maxsize=4)
def _registered(path: tuple[str, ...], *, known: bool) -> dict[str, list[EntryPoint]]:
    """As `registered`. ``known``: whether to save the costly import of `importlib.metadata` where
    no folder of ``path`` has a distribution with such entry points."""
    if known and not any(map(_registers, path)):
        return {}
    from importlib.metadata import entry_points

    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=ENTRY_POINTS):
        found.setdefault(entry.name, []).append(entry)
    return found


def _registers(folder: str) -> bool:
    """Whether a distribution in a folder of ``sys.path`` registers a check."""
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except OSError:
        return False
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            try:
                with open(f"{folder}/{name}/entry_points.txt", "rb") as file:  # noqa: PTH123
                    if ENTRY_POINTS.encode() in file.read():
                        return True
            except OSError:
                continue
    return False


def sources(check: type[Check]) -> list[str]:
    """The files of a package's check that decide what it protects; none for a check of ours."""
    modules = {cls.__module__ for cls in check.__mro__ if issubclass(cls, Check)}
    foreign = [name for name in sorted(modules) if name.partition(".")[0] != "pytest_ouro"]
    return [file for name in foreign if (file := getattr(sys.modules[name], "__file__", None))]
