"""Measure what each level costs a run of the reference experiment: wall time and training steps.

    python benchmarks/overhead.py [--rounds N]

In clones of this repository, alternately: `python train.py`, and `pytest --ouro-experiment` with
`highest` at each level.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(__file__).parents[1]
LEVELS = ("supervised", "judged", "sandboxed")


def alone(clone: Path) -> tuple[float, int]:
    """Run the script by itself; return wall seconds and steps."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "train.py"],
        cwd=clone / "autoresearch",
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    steps = re.findall(r"^num_steps: +(\d+)$", done.stdout, re.MULTILINE)
    return time.monotonic() - began, int(steps[-1])


def at(level: str) -> Callable[[Path], tuple[float, int]]:
    """Return a function that runs `pytest --ouro-experiment` at a level; it returns the same."""

    def run(clone: Path) -> tuple[float, int]:
        began = time.monotonic()
        command = [sys.executable, "-m", "pytest", "--ouro-experiment", "-q"]
        subprocess.run(
            [*command, "-p", "no:cacheprovider"], cwd=clone, stdout=subprocess.PIPE, check=True
        )
        wall = time.monotonic() - began
        records = (clone / ".git" / "ouro" / "journal.jsonl").read_text().splitlines()
        record = json.loads(records[-1])
        assert record["level"] == level, record["level_why"]
        return wall, int(record["claims"]["num_steps"])

    return run


def prepared(clone: Path, level: str) -> Path:
    """A clone whose bound goes no higher than the level."""
    subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(clone)], check=True)
    bound = clone / "bound.toml"
    text, found = re.subn(
        r"(?m)^level +=.*$", f'level = "supervised"\nhighest = "{level}"', bound.read_text()
    )
    assert found == 1
    bound.write_text(text)
    subprocess.run([sys.executable, "-m", "pytest_ouro", "bless"], cwd=clone, check=True)
    name = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost"]
    subprocess.run(["git", *name, "commit", "-qam", f"highest {level}"], cwd=clone, check=True)
    return clone


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    subprocess.run([sys.executable, REPOSITORY / "autoresearch" / "prepare.py"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        clones = {level: prepared(Path(folder, level), level) for level in LEVELS}
        ways = {"alone": (alone, clones["supervised"])}
        ways.update({level: (at(level), clone) for level, clone in clones.items()})
        figures: dict[str, list[tuple[float, int]]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, (run, clone) in ways.items():
                figures[name].append(run(clone))
                print(name, *figures[name][-1], flush=True)
    for name, runs in figures.items():
        wall, steps = (statistics.median(values) for values in zip(*runs, strict=True))
        print(f"{name:12} median wall {wall:.1f} s, steps {steps:.0f}")


if __name__ == "__main__":
    main()
