"""Mix a salt into the seeds that the experiment sets, so that repeats of one commit differ.

No library is imported for this: the functions of a library are replaced once it is imported. Code
in this process can reach the originals; generators.py reports states by which repeats with equal
random numbers are found.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.abc
import importlib.util
import operator
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import types
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

#: Functions that seed a global generator (or make a numpy one): library, module, names.
#: Other generators that a script makes (random.Random, torch.Generator) keep their seeds. A global
#: generator starts randomly if the script sets no seed.
SEEDERS: dict[str, dict[str, tuple[str, ...]]] = {
    "random": {"random": ("seed",)},
    "numpy.random": {"numpy.random": ("seed", "default_rng")},
    "torch": {
        "torch": ("manual_seed",),
        "torch.random": ("manual_seed",),
        "torch.cuda": ("manual_seed", "manual_seed_all"),
        "torch.cuda.random": ("manual_seed", "manual_seed_all"),
    },
}


#: Libraries whose global generator was last seeded by the harness, without the salt.
seeded_by_harness: set[str] = set()


def install(salt: int, *, harness: str) -> None:
    """Replace the functions that seed the global random generators (`SEEDERS`) by ones that mix the
    salt into the seed: at once in libraries that are loaded, in others when they are imported.

    Calls from the module named ``harness`` keep their seeds: the evaluation stays the same.
    """
    hook = _ImportHook(salt, harness)
    sys.meta_path.insert(0, hook)
    for library in SEEDERS:
        if library in sys.modules:
            hook.replace(library)


def salted_seed(seed: object, salt: int) -> object:
    """Return another seed for each salt: an int of 31 bits from the SHA-256 of salt and seed, which
    every generator accepts.

    A seed that is not an integer, float, text, bytes, list or tuple (None, a generator) is returned
    unchanged.
    """
    try:
        plain: object = operator.index(seed)  # type: ignore[arg-type]
    except TypeError:
        plain = seed
    if not isinstance(plain, int | float | str | bytes | bytearray | list | tuple):
        return seed
    digest = hashlib.sha256(f"{salt}:{plain!r}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def _wrap(function: Any, library: str, salt: int, harness: str) -> Any:
    """Return a function that calls ``function`` of ``library`` with the salt mixed into its seed
    (its first argument, or ``seed`` or ``a`` by keyword). A call by the module ``harness`` or by
    the library itself is passed on unchanged.

    Each call from outside of the library also notes in `seeded_by_harness` whether the harness made
    it; not if ``function`` makes a new generator (``default_rng``), which leaves the global one
    alone.
    """
    package = library.split(".")[0]  # its own calls pass on a seed that has the salt already

    @functools.wraps(function, updated=())
    def seeded(*args: Any, **kwargs: Any) -> Any:
        caller = str(sys._getframe(1).f_globals.get("__name__", ""))
        if function.__name__ != "default_rng" and caller.split(".")[0] != package:
            (seeded_by_harness.add if caller == harness else seeded_by_harness.discard)(package)
        if caller == harness or caller.split(".")[0] == package:
            return function(*args, **kwargs)
        if args:
            args = (salted_seed(args[0], salt), *args[1:])
        for name in kwargs.keys() & {"a", "seed"}:
            kwargs[name] = salted_seed(kwargs[name], salt)
        return function(*args, **kwargs)

    del seeded.__wrapped__  # a script would take the salt off by it
    seeded._salted = True  # type: ignore[attr-defined]
    return seeded


class _ImportHook(importlib.abc.MetaPathFinder):
    """A finder for ``sys.meta_path`` that replaces, in each library of `SEEDERS`, the functions
    that set seeds, as soon as the library is loaded."""

    def __init__(self, salt: int, harness: str) -> None:
        self._salt, self._harness = salt, harness
        self._waiting = set(SEEDERS)

    def replace(self, library: str) -> None:
        """Replace the functions of a loaded library that set seeds; skip those that it lacks or
        that are replaced already."""
        self._waiting.discard(library)
        for module, names in SEEDERS[library].items():
            holder = sys.modules.get(module)
            for name in names:
                function = getattr(holder, name, None)
                if function is not None and not hasattr(function, "_salted"):
                    setattr(holder, name, _wrap(function, library, self._salt, self._harness))

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec that the other finders have for a library in `SEEDERS`, changed so that
        the library's functions are replaced once it is loaded.

        None for other modules, from the second call for a library on, and if no finder has the
        library.
        """
        if fullname not in self._waiting:
            return None
        self._waiting.discard(fullname)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def exec_module(module: types.ModuleType) -> None:
                run(module)
                self.replace(fullname)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
