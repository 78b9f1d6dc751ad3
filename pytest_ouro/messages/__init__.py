"""Every error that the project reports, one function each, grouped by subject.

A function takes what varies and returns the error to raise. Its docstring says when it is raised.
``docs/messages.md`` is generated from these functions, and ``tests/test_messages.py`` refuses an
error that is built anywhere else. Findings are not errors: each check builds its own.

``from pytest_ouro.messages import git`` reads no file until the first error of that subject is
built.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which the guard does not import
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


class _Subject:
    """Stand-in for one module of this package, which is imported when one of its functions is
    called, or when one of its constants (names in upper case) is looked up."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        """Return the constant ``name`` of the module or, for a name that is not in upper case, a
        function that calls the module's function of this name, whether or not that exists."""

        def call(*args: object, **named: object) -> object:
            return getattr(self._module(), name)(*args, **named)

        return getattr(self._module(), name) if name.isupper() else call

    def _module(self) -> ModuleType:
        """Import the module, unless that is done, and return it; raise ImportError if it does not
        exist."""
        return import_module(f"{__name__}.{self._name}")


def __getattr__(name: str) -> _Subject:
    """Return an object that stands for the module ``name`` of this package, whether or not that
    exists; raise AttributeError if ``name`` begins with an underscore."""
    if name.startswith("_"):
        raise AttributeError(name)
    return _Subject(name)
