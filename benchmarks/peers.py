"""Measure what other programs that run experiments cost beside the experiment's own commands.

    python benchmarks/peers.py [--rounds N]

The experiment of `overhead.py --command`: a short command and its evaluation, which print the same
number in every run. In the same rounds: `python -c pass`, both programs by themselves, this package
with one run and with `--ouro-repeat 5`, and labloop (from PyPI) with one trial and with five, each
proposed by a line of shell, whose cost counts as labloop's. Each starts in a copy of a repository
in which it has recorded a run; the copies stay until the end. Medians of CPU seconds, of a process
and all that it waits for.

A further run is a quarter of what five cost beyond one. labloop is installed into an environment of
its own, in a folder that is deleted at the end.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from overhead import PYTEST, command_experiment, spend

LABLOOP = "labloop==1.0.5"
#: The number of runs of a series.
RUNS = 5
RUN = ["--run", "python work.py && python evaluate.py", "--metric", "error", "--goal", "minimize"]
PROPOSE = [
    "--protect",
    "evaluate.py",
    "--propose",
    "echo '# a try' >> work.py",
    "--sandbox",
    "none",
]


def install(folder: Path) -> str:
    """Install labloop into a new environment in ``folder``, and return the path of its command."""
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "-q", LABLOOP], check=True)
    return str(folder / "bin" / "labloop")


def labloop_experiment(folder: Path, labloop: str, path: str) -> Path:
    """Make a repository with the same experiment for labloop, with its baseline recorded."""
    command_experiment(folder)
    with (folder / ".gitignore").open("a") as ignored:
        ignored.write("labloop.jsonl\n")
    name = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost"]
    subprocess.run(["git", *name, "commit", "-qam", "ignore its ledger"], cwd=folder, check=True)
    spend([labloop, "baseline", *RUN], folder, path)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as name:
        labloop = install(Path(name, "venv"))
        os.environ["XDG_CACHE_HOME"] = str(Path(name, "cache"))
        kept = {
            "pytest-ouro": command_experiment(Path(name, "ours")),
            "labloop": labloop_experiment(Path(name, "theirs"), labloop, path),
        }
        ours = [*PYTEST, "--ouro-experiment", "--ouro-again"]
        theirs = [labloop, "run", *RUN, *PROPOSE]
        spend(ours, kept["pytest-ouro"], path)
        ways = {
            ("python -c pass", 0): [sys.executable, "-c", "pass"],
            ("command", 1): [sys.executable, "work.py"],
            ("evaluation", 1): [sys.executable, "evaluate.py"],
            ("pytest-ouro", 1): ours,
            ("pytest-ouro", RUNS): [*ours, "--ouro-repeat", str(RUNS)],
            ("labloop", 1): [*theirs, "--trials", "1"],
            ("labloop", RUNS): [*theirs, "--trials", str(RUNS)],
        }
        seconds: dict[tuple[str, int], list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, words in ways.items():
                place = Path(tempfile.mkdtemp(dir=name), "repository")
                shutil.copytree(kept.get(way[0], kept["pytest-ouro"]), place)
                seconds[way].append(spend(words, place, path))
    cpu = {way: 1e3 * statistics.median(values) for way, values in seconds.items()}
    base, both = cpu["python -c pass", 0], cpu["command", 1] + cpu["evaluation", 1]
    print(
        f"python -c pass {base:.1f} ms, the command and its evaluation {both:.1f} ms; beyond both:"
    )
    for name in ("pytest-ouro", "labloop"):
        first = cpu[name, 1] - both
        further = (cpu[name, RUNS] - cpu[name, 1]) / (RUNS - 1) - both
        for title, value in (("the first run", first), ("each further run", further)):
            print(f"{name:12} {title:17}{value:8.1f} ms{value / base:6.1f} x")


if __name__ == "__main__":
    main()
