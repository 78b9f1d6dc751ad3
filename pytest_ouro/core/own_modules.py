"""Import the modules of this package as any others under pytest, whose finder rewrites asserts."""

from __future__ import annotations

import gc
import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class _OwnModules:
    """A finder of the modules below ``pytest_ouro`` that comes before pytest's finder. That one
    would read them again in order to rewrite their asserts, which takes longer than to import
    them."""

    @staticmethod
    def find_spec(
        fullname: str, path: Sequence[str] | None, target: object = None
    ) -> ModuleSpec | None:
        """Return the spec of a module below ``pytest_ouro``, or None if it does not exist; None for
        any other module, which the next finder finds."""
        return PathFinder.find_spec(fullname, path) if fullname.startswith("pytest_ouro.") else None


def speed_up_imports() -> None:
    """Put `_OwnModules` first among the finders of modules, and keep the garbage collector from
    looking again at the objects that exist now. Do nothing in a later call."""
    if _OwnModules not in sys.meta_path:
        sys.meta_path.insert(0, _OwnModules)
        gc.freeze()
