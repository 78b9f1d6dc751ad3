"""Define what a check is, and load checks by name. Each check has its own file or folder.

A check is a frozen dataclass. Its fields are its parameters in bound.toml, where ``_`` is written
``-``; its method ``findings`` yields what violates the rule. It is imported when a rule names it.
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

    from pytest_ouro.checks._claims import Claimed
    from pytest_ouro.core.finding import Finding
    from pytest_ouro.evidence.claims.claims import Claims
    from pytest_ouro.evidence.evidence import Evidence, Layout

#: What a check needs: ``repository`` no run, ``ledger`` the records, ``run`` one run, ``human``
#: a person.
Stage = Literal["repository", "ledger", "run", "human"]


def _own_names() -> Iterator[str]:
    """Yield, unsorted, the names of the checks of pytest-ouro: of each module and package in this
    folder that does not start with ``_``, written with ``-`` for ``_``."""
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
    """What `pytest-ouro guard` protects for a rule. Globs are relative to the repository's top.

    ``frozen`` files may not be changed, moved or removed; ``untracked`` files may not be added to
    git. ``within`` is a folder ("" is the whole repository) in which only files that match ``free``
    may change; it says nothing about files outside of it. If ``within`` is None, there is no such
    folder, and ``free`` is not used. With ``installs``, the installation of packages is refused.
    """

    frozen: Sequence[str] = ()
    untracked: Sequence[str] = ()
    within: str | None = None
    free: Sequence[str] = ()
    installs: bool = False


class Check(ABC):
    """The base class of checks, which are frozen dataclasses. The fields of a check are the
    parameters of a rule; its methods say when the rule is skipped, what violates it, what it
    protects, and which data it reads. Class attributes say what evidence the check needs
    (``stage``: the repository, the ledger, one run, or a person), whether it is applied again when
    a run has ended (``after_run``), whether it judges rows that are written by hand
    (``judges_claims``), and whether it starts programs of the repository (``starts_programs``)."""

    stage: ClassVar[Stage] = "repository"
    #: Whether it is applied again when a run has ended; a finding is then a breach.
    after_run: ClassVar[bool] = False
    #: Whether it also judges runs that are only claimed: rows of the ledger written by hand.
    judges_claims: ClassVar[bool] = False
    #: Whether it starts programs of the repository: the guard leaves it out.
    starts_programs: ClassVar[bool] = False

    @abstractmethod
    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield a finding for each violation of the rule; nothing if it holds. OuroError, or an
        OSError about a file, if that cannot be determined."""

    def skipped(self, evidence: Evidence) -> str:
        """Return why the rule is skipped for this evidence; "" if it is applied, which is the
        default."""
        return ""

    def protects(self, layout: Layout) -> Protection:
        """Return what the guard protects for this rule; by default nothing. The return value may
        depend only on the rule's parameters and on ``layout``, the paths that bound.toml names,
        since the guard caches it."""
        return Protection()

    def data_globs(self, layout: Layout) -> Iterable[str]:
        """Return the globs of the data files that the check reads; by default its `DataGlob`
        parameters.

        They are relative to the experiment's root, absolute, or below ``~``. The data is blessed,
        protected from edits, and readable in the sandbox.
        """
        return [glob for _, glob in values_of(self, DataGlob)]

    def trusted_paths(self, evidence: Evidence) -> Iterable[str]:
        """Return the paths, relative to the repository's top, of the files whose digests `bless`
        records for this check; by default the files of the index that `protects` freezes. A check
        that must have such a file raises TrustError if there is none."""
        return matching(evidence.repository.index, self.protects(evidence.layout).frozen)

    def trusted_data(self, evidence: Evidence) -> Iterable[Path]:
        """Return the existing files that match `data_globs`, sorted: `bless` records their digests
        for this check. RuntimeError if a glob begins with ``~`` and the home folder is unknown,
        OuroError if a file cannot be examined."""
        from pytest_ouro.evidence import data

        return data.matched(self.data_globs(evidence.layout), evidence.root)


def load(name: str) -> type[Check]:
    """Import the module of the check with this name, one of pytest-ouro or one that a package
    registers, and return its class. KeyError if the name is unknown.

    ImportError if a package's check cannot be loaded, or if several distributions, of which
    pytest-ouro may be one, have a check of this name.
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
    """Import and return the class that ``entry``, a package's entry point for the check ``name``,
    names. KeyError if ``entry`` is None; ImportError if it cannot be loaded, or is not a class
    derived from `Check`."""
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


def judge_claims(claims: Claims) -> Iterator[Claimed]:
    """Yield the findings about the claims of a past loop: what its ledger, written by hand, and its
    commits show without a record. Each finding comes with the name of the check that owns it.
    OuroError if an object of the repository cannot be read."""
    from pytest_ouro.checks import _claims  # only an audit needs it

    return _claims.judge(claims)


def registered() -> dict[str, list[EntryPoint]]:
    """Return a dict from the name of each check that installed packages register to its entry
    points: more than one if several packages use the name. pytest-ouro registers none of its own
    checks, so they are not in it. The result is cached while ``sys.path`` is the same."""
    return _registered(tuple(sys.path), known=False)


def provider(entry: EntryPoint) -> str:
    """Return the name and version of the distribution of an entry point, ``my-rules 1.0``; the
    value of the entry point if the distribution is unknown."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value


@lru_cache(maxsize=4)
def _registered(path: tuple[str, ...], *, known: bool) -> dict[str, list[EntryPoint]]:
    """Return the dict that `registered` returns (from names of checks to entry points), cached for
    ``path``, the folders of ``sys.path``. ``known`` says that the name to look up is a check of
    pytest-ouro: then return {} if no folder has a distribution that registers checks, which saves
    the slow import of `importlib.metadata`."""
    if known and not any(map(_registers_checks, path)):
        return {}
    from importlib.metadata import entry_points

    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=ENTRY_POINTS):
        found.setdefault(entry.name, []).append(entry)
    return found


def _registers_checks(folder: str) -> bool:
    """Return whether ``folder``, an entry of ``sys.path``, holds the metadata of a distribution
    whose ``entry_points.txt`` names the group `ENTRY_POINTS`. A folder or file that cannot be read
    counts as one without it."""
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
    """Return the paths of the files of the modules that define a package's check and the checks
    that it derives from. Modules of pytest-ouro are left out: [] for one of its own checks."""
    modules = {cls.__module__ for cls in check.__mro__ if issubclass(cls, Check)}
    foreign = [name for name in sorted(modules) if name.partition(".")[0] != "pytest_ouro"]
    return [file for name in foreign if (file := getattr(sys.modules[name], "__file__", None))]
