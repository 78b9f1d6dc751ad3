"""How many edits that do nothing count as improvements of a timing example.

python benchmarks/timing.py [--example kernel|regression] [--edits 100]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from pytest_ouro.cli.bless import bless
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.experiment.run import Order, run_experiment

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
#: The editable file of each example, and code that changes nothing of what it does.
NO_OPS = {
    "kernel": ("kernel.c", "\nstatic inline int idea_{0}(void) {{ return {0}; }}\n"),
    "regression": ("fast.py", "\n\nIDEA = {0}\n"),
}


def git(folder: Path, *words: str) -> str:
    """Call git in the folder; return its output."""
    call = ["git", "-c", "user.name=-", "-c", "user.email=-@-", *words]
    return subprocess.run(call, cwd=folder, check=True, capture_output=True, text=True).stdout


def make(name: str, folder: Path) -> None:
    """Copy an example into a new repository and bless it."""
    shutil.copytree(EXAMPLES / name, folder, dirs_exist_ok=True)
    git(folder, "init", "-q")
    (folder / ".gitignore").write_text("run.log\nresults.tsv\n__pycache__/\nkernel\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "the experiment")
    bless(folder / "bound.toml")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "bless")


def measure(name: str, edits: int) -> None:
    """Measure the example and then each edit; print how they were decided, and the spread."""
    file, text = NO_OPS[name]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        make(name, folder)
        run_experiment(open_case(folder / "bound.toml"), Order())
        plain = (folder / file).read_text(encoding="utf-8")
        for number in range(1, edits + 1):
            (folder / file).write_text(plain + text.format(number), encoding="utf-8")
            git(folder, "commit", "-qam", f"no change {number}")
            run_experiment(open_case(folder / "bound.toml"), Order())
        runs = [run for run in Journal(folder / ".git").runs() if run.value is not None]
    values = [run.value for run in runs if run.value is not None]
    errors = [float(run.evaluated["cpu_ratio_error"]) for run in runs]
    decided = Counter(str(run.reason) for run in runs[1:])
    print(f"{name}: {len(runs) - 1} edits without effect: {dict(decided.most_common())}")
    spread, stated = statistics.stdev(values), statistics.median(errors)
    print(
        f"  cpu_ratio {statistics.median(values):.4f}, from {min(values):.4f} to {max(values):.4f}"
    )
    print(f"  its standard deviation {spread:.4f}, the standard error that is printed {stated:.4f}")
    print(f"  improved: {decided['improved']}")


def main() -> None:
    """Measure the examples that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--example", choices=[*NO_OPS], action="append")
    parser.add_argument("--edits", type=int, default=100)
    given = parser.parse_args()
    for name in given.example or NO_OPS:
        measure(name, given.edits)


if __name__ == "__main__":
    main()
