"""Measure what each level costs a run of the reference experiment: wall time and training steps.

    python benchmarks/overhead.py [--rounds N]

In clones of this repository, alternately: `python train.py`, and `pytest --ouro-experiment` with
`highest` at each level.

    python benchmarks/overhead.py --command [--rounds N]

In the same rounds: `python -c pass`, a command of one second by itself, and an experiment with that
command at `supervised`. The first experiment is not counted. CPU seconds are those of all
processes; the number of git processes is that of the last experiment.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
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


COMMAND = """\
[experiment]
command          = ["python", "work.py"]
evaluate-command = ["python", "evaluate.py"]
editable         = ["work.py"]
metric           = "error"
budget           = 10
device           = "cpu"
[verdict]
noise = 0.0
[[danger-zone]]
id    = "evaluation"
rule  = "The evaluation is fixed."
check = "frozen"
paths = ["evaluate.py"]
[[never-do]]
id    = "skip-logging"
rule  = "Every run is logged."
check = "logged"
[[iron-law]]
id    = "only-work-py"
rule  = "Only work.py is changed."
check = "scope"
"""
WORK = "import time\nend = time.monotonic() + 1\nwhile time.monotonic() < end: pass\n"
GIT = """\
#!/bin/sh
echo "$@" >> "{log}"
exec {git} "$@"
"""


def spent(words: list[str], folder: Path, path: str) -> tuple[float, float]:
    """Run a command; return its wall seconds, and the CPU seconds of it and its children."""
    unset = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
    env = {key: value for key, value in os.environ.items() if key not in unset} | {"PATH": path}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(words, cwd=folder, env=env, stdout=subprocess.PIPE, check=True)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def command_experiment(folder: Path) -> Path:
    """Make a repository with a command of one second, blessed."""
    files = {"bound.toml": COMMAND, "work.py": WORK, ".gitignore": "run.log\nresults.tsv\n"}
    files["evaluate.py"] = "print('error: 1.0')\n"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    name = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost"]
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    bless, add = [sys.executable, "-m", "pytest_ouro", "bless"], ["git", "add", "-A"]
    for words in (add, bless, add):
        subprocess.run(words, cwd=folder, check=True, stdout=subprocess.PIPE)
    subprocess.run(["git", *name, "commit", "-qm", "the experiment"], cwd=folder, check=True)
    return folder


def measure_command(rounds: int) -> None:
    """Print the medians of the rounds: wall and CPU seconds, and their relation to the others."""
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--ouro-experiment"]
    git, path = shutil.which("git"), os.environ["PATH"]
    with tempfile.TemporaryDirectory() as name:
        folder, log = command_experiment(Path(name, "repository")), Path(name, "git.log")
        program = Path(name, "bin", "git")
        program.parent.mkdir()
        program.write_text(GIT.format(log=log, git=git))
        program.chmod(0o755)
        ways = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "command": [sys.executable, "work.py"],
            "experiment": pytest,
        }
        spent(pytest, folder, path)
        figures = {key: [] for key in ways}
        for _ in range(rounds):
            for key, words in ways.items():
                figures[key].append(spent(words, folder, path))
        spent(pytest, folder, f"{program.parent}{os.pathsep}{path}")
        calls = len(log.read_text().splitlines())
    wall, cpu = (
        {key: statistics.median(one[place] for one in runs) for key, runs in figures.items()}
        for place in (0, 1)
    )
    for key in ways:
        print(f"{key:15} median wall {wall[key]:.3f} s, CPU {cpu[key]:.3f} s")
    over = (cpu["experiment"] - cpu["command"]) / cpu["python -c pass"]
    print(f"beyond the command: {over:.1f} x python -c pass of CPU, {calls} git processes")
    print(f"wall: {wall['experiment'] / wall['command']:.2f} x the command")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--command", action="store_true")
    options = parser.parse_args()
    rounds = options.rounds
    if options.command:
        measure_command(rounds)
        return
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
