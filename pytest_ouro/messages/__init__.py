"""Every error that the project reports, one function each, grouped by subject.

A function takes what varies and returns the error to raise. Its docstring says when it is raised.
``docs/messages.md`` is generated from these functions, and ``tests/test_messages.py`` refuses an
error that is built anywhere else. Findings are not errors: each check builds its own.

``from pytest_ouro.messages import git`` reads no file until the first error of that subject.
"""

from __future__ import annotations

from importlib import import_module


class _Subject:
    """Stand for one module of this package. The module is imported when a function is first looked
    up in it."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, function: str) -> object:
        return getattr(import_module(f"{__name__}.{self._name}"), function)


def __getattr__(name: str) -> _Subject:
    """Return an object that stands for the module ``name`` of this package, whether or not that
    exists."""
    if name.startswith("_"):
        raise AttributeError(name)
    return _Subject(name)
