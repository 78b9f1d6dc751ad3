"""Hooks that pytest-ouro calls: for conftest.py files and other plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ouro.checks import Check


def pytest_ouro_checks() -> Mapping[str, type[Check]]:  # type: ignore[empty-body]
    """Checks of your own, by the names that bound.toml uses.

    A check is a frozen dataclass derived from ``pytest_ouro.checks.Check``; its fields are its
    parameters::

        @dataclass(frozen=True, kw_only=True)
        class Size(Check):
            limit: int

            def findings(self, evidence):
                for path, entry in evidence.repository.index.items():
                    ...
                    yield Finding(f"{path} is too large", help="make it smaller")

        def pytest_ouro_checks():
            return {"size": Size}

    The gate runs no code of the judged tree and does not see a conftest.py: a check that it shall
    judge is registered as an entry point of the group ``pytest_ouro.checks``, in a package.
    """
