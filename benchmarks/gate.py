"""Measure the gate and the idle plugin, in CPU seconds of the process and its children.

    python benchmarks/gate.py [--rounds N]

Every figure is the median of N interleaved rounds, so that a busy machine affects all alike. To
compare machines, use the ratio to `python -c pass` in the same rounds.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def cpu_seconds(command: list[str], cwd: Path) -> float:
    """Return the CPU seconds of a command and its children. SystemExit if it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 5):  # 5: pytest collected nothing
        sys.exit(f"{' '.join(command)} failed in {cwd}:\n{done.stdout}{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def git(folder: Path, *args: str) -> None:
    subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True)


def clone(folder: Path, name: str) -> Path:
    """Clone this repository, with the reference experiment and its fifteen rules. The blessing is
    the last commit, so that no other commit is judged."""
    git(folder, "clone", "--quiet", str(REPOSITORY), name)
    bless(folder / name)
    return folder / name


def bless(repository: Path) -> None:
    """Commit all files, bless them and commit the blessing."""
    commit(repository, "all files")
    subprocess.run(
        [sys.executable, "-m", "pytest_ouro", "bless"],
        cwd=repository,
        check=True,
        capture_output=True,
    )
    commit(repository, "bless")


def commit(repository: Path, message: str) -> None:
    git(repository, "add", "-A")
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    git(repository, *identity, "commit", "--quiet", "--allow-empty", "-m", message)


def edit(folder: Path) -> Path:
    """Make a clone with another train.py staged, as the pre-commit hook finds it."""
    repository = clone(folder, "edited")
    with (repository / "autoresearch" / "train.py").open("a") as script:
        script.write("IDEA = 1\n")
    git(repository, "add", "-A")
    return repository


def enlarge(folder: Path, *, files: int = 10_000, rows: int = 100_000) -> Path:
    """Make a clone with many more tracked files and a long ledger."""
    repository = clone(folder, "large")
    for number in range(files):
        path = repository / "autoresearch" / f"part{number // 100}" / f"file{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{number}\n" * 20)
    bless(repository)
    lines = (f"{n:07x}\t{2 - n * 1e-6:.6f}\t0.4\tdiscard\tidea {n}" for n in range(rows))
    header = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
    (repository / "autoresearch" / "results.tsv").write_text(header + "\n".join(lines) + "\n")
    return repository


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.pop("CI", None)  # in CI, judging nothing is an error
    python = sys.executable
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        empty = folder / "empty"
        empty.mkdir()
        reference, many, changed = clone(folder, "reference"), enlarge(folder), edit(folder)
        gate = [python, "-m", "pytest_ouro", "gate"]
        idle = [python, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
        cases = {
            "python -c pass": ([python, "-c", "pass"], empty),
            "gate, reference repository": (gate, reference),
            "gate --staged, reference repository": ([*gate, "--staged"], reference),
            "gate --staged, another train.py": ([*gate, "--staged"], changed),
            "gate, 10,000 files and 100,000 rows": (gate, many),
            "pytest --collect-only, plugin idle": (idle, empty),
            "pytest --collect-only, -p no:ouro": ([*idle, "-p", "no:ouro"], empty),
        }
        seconds: dict[str, list[float]] = {title: [] for title in cases}
        for _ in range(rounds):
            for title, (command, where) in cases.items():
                seconds[title].append(cpu_seconds(command, where))
    floor = statistics.median(seconds["python -c pass"])
    for title, measured in seconds.items():
        median = statistics.median(measured)
        print(f"{title:42} {1000 * median:8.1f} ms   {median / floor:5.1f} x")


if __name__ == "__main__":
    main()
