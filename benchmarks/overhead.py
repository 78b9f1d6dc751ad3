"""What supervision costs a run of the reference experiment: wall time, and steps of training.

    python benchmarks/overhead.py [--rounds N]

In a clone of this repository, by turns: `python train.py`, and `pytest --ouro-experiment`.
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

REPOSITORY = Path(__file__).parents[1]


def alone(clone: Path) -> tuple[float, int]:
    """Wall seconds and steps of the script by itself."""
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


def supervised(clone: Path) -> tuple[float, int]:
    """The same of a whole `pytest --ouro-experiment`, rules and record included."""
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", "--ouro-experiment", "-q", "-p", "no:cacheprovider"]
    subprocess.run(command, cwd=clone, stdout=subprocess.PIPE, check=True)
    wall = time.monotonic() - began
    records = (clone / ".git" / "ouro" / "journal.jsonl").read_text().splitlines()
    return wall, int(json.loads(records[-1])["claims"]["num_steps"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    subprocess.run([sys.executable, REPOSITORY / "autoresearch" / "prepare.py"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder, "clone")
        subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(clone)], check=True)
        figures: dict[str, list[tuple[float, int]]] = {"alone": [], "supervised": []}
        for _ in range(rounds):
            for name, run in (("alone", alone), ("supervised", supervised)):
                figures[name].append(run(clone))
                print(name, *figures[name][-1], flush=True)
    for name, runs in figures.items():
        wall, steps = (statistics.median(values) for values in zip(*runs, strict=True))
        print(f"{name:12} median wall {wall:.1f} s, steps {steps:.0f}")


if __name__ == "__main__":
    main()
