"""Count our files that the measured metric passes on its way to the last line of a run.

    python benchmarks/metric_walk.py

One `pytest --ouro-experiment` of the toy experiment that the tests use, in this process. Counting
starts when the supervisor handles the child's event with the value, and ends when pytest returns.
The first count is of the files in which a function takes or returns the value, in a number, a text
or an object; the second is of all files in which a function is called meanwhile, by the rules that
are checked after the run too.
The standard library and other packages are not counted; neither is the child.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import FrameType

REPOSITORY = Path(__file__).parents[1]
PACKAGE = str(REPOSITORY / "pytest_ouro")
sys.path.insert(0, str(REPOSITORY))


#: The metric of the toy experiment, and how deep in objects it is looked for.
VALUE, DEPTH = 2.0, 3


class Walk:
    """A profile function that collects the files in which functions are called, and those of them
    where the value is an argument or a result."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.passed: set[str] = set()

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        file = frame.f_code.co_filename
        if event not in ("call", "return") or not file.startswith(PACKAGE):
            return
        if event == "call" and (self.files or _is_the_value(frame)):
            self.files.add(file)
        if file in self.files and file not in self.passed:
            seen = [*frame.f_locals.values()] if event == "call" else [argument]
            if any(_holds_the_value(one, DEPTH) for one in seen):
                self.passed.add(file)


def _holds_the_value(thing: Any, depth: int) -> bool:
    """Return whether the metric's value is in a number, a text, a collection or an object."""
    if isinstance(thing, float):
        return thing == VALUE
    if isinstance(thing, str):
        return f"{VALUE:.6f}" in thing
    if not depth or isinstance(thing, (int, type, bytes)):
        return False
    inner = [*getattr(thing, "__dict__", {}).values()]
    if isinstance(thing, dict):
        inner += thing.values()
    elif isinstance(thing, (list, tuple)):
        inner += thing[:100]
    return any(_holds_the_value(one, depth - 1) for one in inner)


def _is_the_value(frame: FrameType) -> bool:
    """Return whether the call handles the event that carries the metric's value."""
    if frame.f_code.co_name != "on_event":
        return False
    return bool(frame.f_locals["message"].get("event") == "measured")


def main() -> None:
    from conftest import BOUND, PREPARE, PYPROJECT, TRAIN, Project

    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(HOME=folder, XDG_CACHE_HOME=f"{folder}/.cache")
        project = Project(Path(folder, "toy"))
        project.path.mkdir()
        project.git("init", "-q")
        project.git("config", "user.name", "benchmark")
        project.git("config", "user.email", "benchmark@localhost")
        project.commit(
            "toy",
            {"prepare.py": PREPARE, "train.py": TRAIN, "bound.toml": BOUND,
             "pyproject.toml": PYPROJECT, ".gitignore": "run.log\nresults.tsv\n"},
        )  # fmt: skip
        project.bless()
        os.chdir(project.path)
        walk = Walk()
        sys.setprofile(walk)
        status = pytest.main(["--ouro-experiment", "-p", "no:cacheprovider"])
        sys.setprofile(None)
        os.chdir(REPOSITORY)
    assert status == 0
    for file in sorted(walk.passed):
        print(Path(file).relative_to(REPOSITORY))
    print(f"{len(walk.passed)} files of {len(walk.files)} in which functions are called")


if __name__ == "__main__":
    main()
