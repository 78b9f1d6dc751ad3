"""Build the harness module from its trusted bytes."""

from __future__ import annotations

import gc
import sys
import types
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .job import Job

#: Words in the name of a split that only the evaluation reads.
HELD_OUT = frozenset(
    {"val", "valid", "validation", "test", "testing", "eval", "evaluation", "dev", "holdout"}
)


def execute(source: str, path: str, namespace: dict[str, object]) -> None:
    """Execute the source of the Python file ``path`` in ``namespace``; raise what it raises.
    ``source`` holds the file's bytes as Latin-1 text (the form in JSON), which are decoded as
    Python would decode the file."""
    code = compile(source.encode("latin-1"), path, "exec", dont_inherit=True)
    exec(code, namespace)


def build(job: Job, *, install: bool = False) -> types.ModuleType:
    """Execute the harness from the bytes in the job, never from a file or a .pyc, and return it as
    a new module.

    Its ``TIME_BUDGET``, if it has one, is set to the job's budget. With ``install``, or if no
    module of its name was in ``sys.modules``, the new module stays there; otherwise the one from
    before is put back. What the harness raises is raised; then the new module stays there too.
    """
    name = job["harness"]
    module = types.ModuleType(name)
    module.__file__ = job["harness_path"]
    before = sys.modules.get(name)
    sys.modules[name] = module  # dataclasses and pickle look it up while it runs
    collecting = gc.isenabled()
    gc.disable()  # saves a seventh of the time of importing torch
    try:
        execute(job["harness_source"], job["harness_path"], module.__dict__)
        if install:
            gc.freeze()  # saves 0.3 s at exit: the imported objects are not collected
    finally:
        if collecting:
            gc.enable()
    if hasattr(module, "TIME_BUDGET"):
        module.TIME_BUDGET = job["budget"]  # type: ignore[attr-defined]
    if not install and before is not None:
        sys.modules[name] = before
    return module
