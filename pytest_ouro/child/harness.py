"""The harness as a module, from its trusted bytes."""

from __future__ import annotations

import gc
import sys
import types
from typing import Any


def execute(source: str, path: str, namespace: dict[str, Any]) -> None:
    """Run a file's bytes, which JSON carries as Latin-1, as Python itself would read them."""
    code = compile(source.encode("latin-1"), path, "exec", dont_inherit=True)
    exec(code, namespace)


def build(job: dict[str, Any], *, install: bool = False) -> types.ModuleType:
    """The harness, compiled from the bytes in the job, never from a file or a .pyc.

    With ``install`` it stays what its name imports; else that is put back as it was.
    """
    name = job["harness"]
    module = types.ModuleType(name)
    module.__file__ = job["harness_path"]
    before = sys.modules.get(name)
    sys.modules[name] = module  # while it runs: dataclasses and pickle look it up
    collecting = gc.isenabled()
    gc.disable()  # torch's import takes a seventh less
    try:
        execute(job["harness_source"], job["harness_path"], module.__dict__)
        if install:
            gc.freeze()  # and Python's end a third of a second: what was imported is no garbage
    finally:
        if collecting:
            gc.enable()
    if hasattr(module, "TIME_BUDGET"):
        module.TIME_BUDGET = job["budget"]  # type: ignore[attr-defined]
    if not install and before is not None:
        sys.modules[name] = before
    return module
