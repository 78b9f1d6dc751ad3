"""pytest-ouro: the referee of autonomous experiment loops.

Imports nothing: the pytest entry point imports this package first, on every pytest run. What the
author of a check or of a plugin needs is imported from its module when it is first asked for.
"""

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which would have to be imported
if TYPE_CHECKING:
    from pytest_ouro.checks import Check as Check
    from pytest_ouro.checks import Protection as Protection
    from pytest_ouro.core.errors import OuroError as OuroError
    from pytest_ouro.core.finding import Finding as Finding
    from pytest_ouro.core.schema import option as option
    from pytest_ouro.evidence.evidence import Evidence as Evidence
    from pytest_ouro.evidence.evidence import Layout as Layout
    from pytest_ouro.evidence.paths import BoundFolder as BoundFolder
    from pytest_ouro.evidence.paths import DataGlob as DataGlob
    from pytest_ouro.evidence.paths import Glob as Glob
    from pytest_ouro.evidence.paths import RepoPath as RepoPath
    from pytest_ouro.evidence.paths import matching as matching
    from pytest_ouro.evidence.records.run_record import FinishedRun as FinishedRun
    from pytest_ouro.evidence.records.run_record import StartedRun as StartedRun
    from pytest_ouro.experiment.result import Result as Result

    __version__: str

#: The modules that hold what is public.
_MODULES = {
    "Check": "checks",
    "Protection": "checks",
    "OuroError": "core.errors",
    "Finding": "core.finding",
    "option": "core.schema",
    "Evidence": "evidence.evidence",
    "Layout": "evidence.evidence",
    "BoundFolder": "evidence.paths",
    "DataGlob": "evidence.paths",
    "Glob": "evidence.paths",
    "RepoPath": "evidence.paths",
    "matching": "evidence.paths",
    "FinishedRun": "evidence.records.run_record",
    "StartedRun": "evidence.records.run_record",
    "Result": "experiment.result",
}

__all__ = [
    "BoundFolder",
    "Check",
    "DataGlob",
    "Evidence",
    "Finding",
    "FinishedRun",
    "Glob",
    "Layout",
    "OuroError",
    "Protection",
    "RepoPath",
    "Result",
    "StartedRun",
    "__version__",
    "matching",
    "option",
]


def __getattr__(name: str) -> object:
    """Return the version of the installed package for ``__version__``, or a public name, which is
    imported from its module on first use and kept. AttributeError for any other name."""
    if name == "__version__":
        from importlib.metadata import version

        return version("pytest-ouro")
    if name in _MODULES:
        from importlib import import_module

        found = globals()[name] = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
