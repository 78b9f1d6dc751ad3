"""Count our files that code runs in, from the measured metric to the last line of a run.

    python benchmarks/metric_walk.py

One `pytest --ouro-experiment` of the toy experiment that the tests use, in this process. Counting
starts when the supervisor handles the child's event with the value, and ends when pytest returns.
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


class Walk:
    """A profile function that collects the files in which functions are called."""

    def __init__(self) -> None:
        self.files: set[str] = set()

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(PACKAGE) and (self.files or _is_the_value(frame)):
            self.files.add(file)


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
    for file in sorted(walk.files):
        print(Path(file).relative_to(REPOSITORY))
    print(len(walk.files), "files")


if __name__ == "__main__":
    main()
