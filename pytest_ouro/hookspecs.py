"""Hooks that pytest-ouro calls, for conftest.py files and other plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from pytest_ouro.checks import Check
    from pytest_ouro.evidence.records.run_record import FinishedRun, StartedRun
    from pytest_ouro.experiment.result import Result
    from pytest_ouro.experiment.selection.ablate import Ablation
    from pytest_ouro.experiment.selection.selection import Selection


def pytest_ouro_checks() -> Mapping[str, type[Check]]:  # type: ignore[empty-body]
    """Return a dict from the name of each of your own checks, which a rule in bound.toml states as
    its ``check``, to its class; for use in pytest only.

    A check is a frozen dataclass derived from ``pytest_ouro.Check``; its fields are its
    parameters::

        from dataclasses import dataclass

        from pytest_ouro import Check, Finding

        @dataclass(frozen=True, kw_only=True)
        class Size(Check):
            lines: int

            def findings(self, evidence):
                for name in evidence.layout.editable:
                    count = (evidence.root / name).read_text().count("\\n")
                    if count > self.lines:
                        yield Finding(f"{name} has {count} lines", help="shorten it")

        def pytest_ouro_checks():
            return {"size": Size}

    The command ``pytest-ouro`` runs no code of the checked tree and reads no conftest.py: for it a
    package registers a check as an entry point of the group ``pytest_ouro.checks``. pytest reports
    an error if one name is given to two different checks, by plugins, packages or pytest-ouro.
    """


def pytest_ouro_run_started(config: pytest.Config, run: StartedRun) -> None:
    """Called when the start of a run is recorded, before its process exists.

    ``run`` is that record, a ``pytest_ouro.StartedRun``. Every run is announced, whatever it is
    for (``run.purpose``): a try, a repeat, a reference, one of a pair, a candidate; except for
    placebos. An implementation delays the run, and changes nothing about it.
    """


def pytest_ouro_run_finished(config: pytest.Config, run: FinishedRun) -> None:
    """Called when the end of a run is recorded, in the journal and in the ledger.

    ``run`` is that record with its verdict, a ``pytest_ouro.FinishedRun``; also that of a crash,
    of an interrupted run, and of an earlier run that was killed. Placebos are not announced.
    """


def pytest_ouro_verdict(config: pytest.Config, result: Result | Selection | Ablation) -> None:
    """Called when an experiment has its result; with ``--ouro-candidates``, once for each.

    ``result`` is a ``pytest_ouro.Result``, also for an experiment that was not run because a rule
    is broken (``result.status == "closed"``). With ``--ouro-certify``, ``--ouro-confirm`` and
    ``--ouro-ablate`` it is the outcome of these. In every case ``result.last_line`` is the line
    that is printed about it.
    """
