"""Define what a check is, and load checks by name. Each check has its own file or folder.

A check is a frozen dataclass. Its fields are its parameters in bound.toml, where ``_`` is written
``-``; its method ``findings`` judges evidence. It is imported when a rule names it. The check
``frozen-data`` is the class ``FrozenData`` of the module ``frozen_data``.
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

#: What a check judges: ``repository`` without any run, ``ledger`` the records, ``run`` one run.
Stage = Literal["repository", "ledger", "run", "human"]


def _own_names() -> Iterator[str]:
    """Yield the names of the modules and packages in this folder, with ``-``."""
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
    """The actions that `pytest-ouro guard` refuses. Globs are from the repository's top.

    ``frozen`` files may not be changed, moved or removed; ``untracked`` ones may not be added to
    git. In the folder ``within`` ("" is the whole repository) only ``free`` files may change; with
    None all may. ``installs``: no package may be installed.
    """

    frozen: Sequence[str] = ()
    untracked: Sequence[str] = ()
    within: str | None = None
    free: Sequence[str] = ()
    installs: bool = False


class Check(ABC):
    """The base class of checks: parameters as fields, a stage, findings, and what it protects."""

    stage: ClassVar[Stage] = "repository"
    #: Whether it is judged again when a run has ended; a finding is then a breach.
    after_run: ClassVar[bool] = False

    @abstractmethod
    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield the violations of the rule. OuroError if it cannot be judged."""

    def skipped(self, evidence: Evidence) -> str:
        """Return why there is nothing to judge here; "" if there is."""
        return ""

    def protects(self, layout: Layout) -> Protection:
        """Return what the guard refuses; by bound.toml alone, since the guard caches it."""
        return Protection()

    def data_globs(self, layout: Layout) -> Iterable[str]:
        """Return the globs of the data that it judges; by default its `DataGlob` parameters.

        They are relative to the experiment's root, absolute, or below ``~``. The data is blessed,
        protected from edits, and readable in the sandbox.
        """
        return [glob for _, glob in values_of(self, DataGlob)]

    def trusted_paths(self, evidence: Evidence) -> Iterable[str]:
        """Return the files that `bless` records for it, from the repository's top; by default the
        tracked ones that it freezes. TrustError if there must be one and there is none."""
        return matching(evidence.repository.index, self.protects(evidence.layout).frozen)

    def trusted_data(self, evidence: Evidence) -> Iterable[Path]:
        """Return the files of data that `bless` records for it."""
        from pytest_ouro.evidence import data

        return data.matched(self.data_globs(evidence.layout), evidence.root)


def load(name: str) -> type[Check]:
    """Return the class of a check, ours or a package's. KeyError if the name is unknown.

    ImportError if it cannot be loaded, or if more than one distribution registers the name.
    """
    entries = _registered(tuple(sys.path), known=name in CHECKS).get(name, [])
    givers = ["pytest-ouro"] * (name in CHECKS) + sorted(map(provider, entries))
    if len(givers) > 1:
        raise ImportError(
            f"{' and '.join(givers)} each have a check of this name: "
            "rename it in one of them, or uninstall that"
        )
    if name not in CHECKS:
        return _load_registered(entries[0] if entries else None, name)
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    found: type[Check] = getattr(module, name.title().replace("-", ""))
    return found


def _load_registered(entry: EntryPoint | None, name: str) -> type[Check]:
    """Return the class of a package's check; ImportError if it is not a class of a check."""
    if entry is None:
        raise KeyError(name)
    given = f"{entry.value} of {provider(entry)}"
    try:
        loaded = entry.load()
    except Exception as error:  # the module of a package may raise any exception
        raise ImportError(f"{given} cannot be loaded: {error}") from error
    if not (isinstance(loaded, type) and issubclass(loaded, Check)):
        raise ImportError(f"{given} is not a class derived from pytest_ouro.Check")
    return loaded


def registered() -> dict[str, list[EntryPoint]]:
    """Return the entry points by which packages register checks, by the names of the checks."""
    return _registered(tuple(sys.path), known=False)


def provider(entry: EntryPoint) -> str:
    """Return the distribution of an entry point, and its version: ``my-rules 1.0``."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value


@lru_cache(maxsize=4)
def _registered(path: tuple[str, ...], *, known: bool) -> dict[str, list[EntryPoint]]:
    """Return the same as `registered`. ``known``: skip the costly import of `importlib.metadata`
    if no folder of ``path`` has a distribution with such entry points."""
    if known and not any(map(_registers_checks, path)):
        return {}
    from importlib.metadata import entry_points

    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=ENTRY_POINTS):
        found.setdefault(entry.name, []).append(entry)
    return found


def _registers_checks(folder: str) -> bool:
    """Return whether a distribution in a folder of ``sys.path`` registers a check."""
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
    """Return the files of a package's check that decide what it protects; none for one of ours."""
    modules = {cls.__module__ for cls in check.__mro__ if issubclass(cls, Check)}
    foreign = [name for name in sorted(modules) if name.partition(".")[0] != "pytest_ouro"]
    return [file for name in foreign if (file := getattr(sys.modules[name], "__file__", None))]
