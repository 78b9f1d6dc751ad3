"""Hooks that pytest-ouro calls, for conftest.py files and other plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ouro.checks import Check


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
