"""Measure what each level costs a run of the reference experiment: wall time and training steps.

    python benchmarks/overhead.py [--rounds N]

In clones of this repository, alternately: `python train.py`, and `pytest --ouro-experiment` with
`highest` at each level.

    python benchmarks/overhead.py --command [--rounds N]

In the same rounds: `python -c pass`, pytest in an empty folder, a short command and its evaluation
by themselves, and an experiment with both at `supervised`, alone and with `--ouro-repeat 2` and 3:
the second of its repository, whose journal has one run. Pytest loads no plugin but ours. CPU
seconds are medians, of a process and all that it waits for. Instructions are those of the programs
that are started, counted once by valgrind, where it is installed; a fork counts from where its
parent stands, so that what forks do themselves is left out. Each call gets a copy of the repository
that stays until the end: where many files were just deleted, a file system is slow to make others.
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
        command = [sys.executable, "-m", "pytest", "--ouro-experiment", "--ouro-again", "-q"]
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
budget           = 600
device           = "cpu"
highest          = "supervised"
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
WORK = "print(sum(range(100_000)))\n"
GIT = """\
#!/bin/sh
echo "$@" >> "{log}"
exec {git} "$@"
"""
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "ouro"]


def spend(words: list[str], folder: Path, path: str) -> float:
    """Run a command whose only pytest plugin is ours, with ``path`` as PATH; return the CPU seconds
    of it and its children."""
    unset = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTEST_ADDOPTS", "PYTEST_PLUGINS")
    env = {key: value for key, value in os.environ.items() if key not in unset}
    env |= {"PATH": path, "PYTHONHASHSEED": "0", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 5):  # pytest has 5 for an empty folder
        sys.exit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def count_instructions(words: list[str], folder: Path, path: str) -> float:
    """Return the instructions of a command and the programs that it starts, in millions; nan
    without valgrind."""
    if not shutil.which("valgrind"):
        return float("nan")
    with tempfile.TemporaryDirectory() as out:
        count = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--trace-children=yes"]
        spend([*count, f"--cachegrind-out-file={out}/%p", *words], folder, path)
        texts = [file.read_text() for file in Path(out).iterdir()]
    found = [re.search(r"^cmd: (.*)$(?s:.*)^summary: (\d+)$", text, re.M) for text in texts]
    forks: dict[str, int] = {}  # of pytest and of the starter
    started = 0
    for command, count in ((one[1], int(one[2])) for one in found if one):
        if command == " ".join(words) or " -I -S -c " in command:
            forks[command] = max(count, forks.get(command, 0))
        else:
            started += count
    return (sum(forks.values()) + started) / 1e6


def count_git(words: list[str], folder: Path, bin: Path) -> int:
    """Return how many git processes a command starts; ``bin`` is a folder for another git."""
    log, program = bin / "log", bin / "git"
    log.write_text("")
    program.write_text(GIT.format(log=log, git=shutil.which("git")))
    program.chmod(0o755)
    spend(words, folder, f"{bin}{os.pathsep}{os.environ['PATH']}")
    return len(log.read_text().splitlines())


def command_experiment(folder: Path) -> Path:
    """Make a repository with a short command, blessed."""
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
    """Print CPU seconds and instructions of each way, and their relation to `python -c pass`."""
    path, run = os.environ["PATH"], [*PYTEST, "--ouro-experiment", "--ouro-again"]
    with tempfile.TemporaryDirectory() as name:
        bin = Path(name, "bin")
        bin.mkdir()
        os.environ["XDG_CACHE_HOME"] = str(Path(name, "cache"))
        kept = command_experiment(Path(name, "kept"))
        spend(run, kept, path)

        def fresh(words: list[str]) -> Path:
            """Make the repository again, with one run in its journal; empty to collect alone."""
            place = Path(tempfile.mkdtemp(dir=name), "repository")
            if "--collect-only" in words:
                place.mkdir()
            else:
                shutil.copytree(kept, place)
            return place

        ways = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "pytest, empty folder": [*PYTEST, "--collect-only"],
            "command": [sys.executable, "work.py"],
            "evaluation": [sys.executable, "evaluate.py"],
            "experiment": run,
            "2 repeats": [*run, "--ouro-repeat", "2"],
            "3 repeats": [*run, "--ouro-repeat", "3"],
        }
        seconds: dict[str, list[float]] = {title: [] for title in ways}
        for _ in range(rounds):
            for title, words in ways.items():
                seconds[title].append(spend(words, fresh(words), path))
        count = {
            title: count_instructions(words, fresh(words), path) for title, words in ways.items()
        }
        calls = {title: count_git(words, fresh(words), bin) for title, words in ways.items()}
    cpu = {title: 1e3 * statistics.median(values) for title, values in seconds.items()}
    base = "python -c pass"

    def show(title: str, times: float, counts: float, calls: int) -> None:
        """Print a line of the table."""
        ratios = f"{times / cpu[base]:6.1f}", f"{counts / count[base]:6.1f}"
        print(f"{title:24}{times:8.1f}{ratios[0]}{counts:9.0f}{ratios[1]}{calls:5}")

    print(f"{'':24}{'CPU ms':>8}{'x':>6}{'M instr.':>9}{'x':>6}{'git':>5}")
    for title in ways:
        show(title, cpu[title], count[title], calls[title])
    print("beyond the command and its evaluation, and beyond the repeat before:")
    less = ""
    for title in ("experiment", "2 repeats", "3 repeats"):
        figures = (
            one[title] - one["command"] - one["evaluation"] - one.get(less, 0)
            for one in (cpu, count)
        )
        show(title, *figures, calls[title] - calls.get(less, 0))
        less = title


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
