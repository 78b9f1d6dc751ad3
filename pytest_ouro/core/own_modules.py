"""Keep pytest's import hook, which rewrites asserts, from reading the modules of this package."""

from __future__ import annotations

import gc
import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: New objects before the garbage collector looks for cycles. Python's own 700 lets it look 90 times
#: while modules are imported, none of which is ever freed: a tenth of the time of a short run.
_THRESHOLD = 50_000


class _OwnModules:
    """A finder of the modules below ``pytest_ouro``, to be placed before pytest's finder, which
    would read each module again to rewrite its asserts and so take longer than the import."""

    @staticmethod
    def find_spec(
        fullname: str, path: Sequence[str] | None, target: object = None
    ) -> ModuleSpec | None:
        """Return the spec of a module below ``pytest_ouro``. Return None if there is no such
        module, or for any other module, so that Python asks the next finder."""
        return PathFinder.find_spec(fullname, path) if fullname.startswith("pytest_ouro.") else None


def speed_up_imports() -> None:
    """Insert `_OwnModules` as the first of ``sys.meta_path``, exempt the objects that exist now
    from garbage collection (``gc.freeze``), and collect less often. A later call does nothing."""
    if _OwnModules not in sys.meta_path:
        sys.meta_path.insert(0, _OwnModules)
        gc.freeze()
        gc.set_threshold(_THRESHOLD)


_exempted = False


def speed_up_exit() -> None:
    """Exempt the objects that exist now, such as all modules, from garbage collection: pytest and
    Python collect several times before they end. A later call does nothing."""
    global _exempted
    if not _exempted:
        _exempted = True
        gc.freeze()
