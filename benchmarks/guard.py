"""Measure what the guard costs before and after a tool call: CPU time, and instructions if valgrind
exists.

    python benchmarks/guard.py [--rounds N]

CPU times are medians of N interleaved rounds; instructions are nearly the same in every run.
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
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
GUARD = [sys.executable, str(Path(sys.executable).with_name("pytest-ouro")), "guard"]
REBUILT = "train.py is edited, new rules"
JUDGED = "after make, something changed"
#: What is removed before each call, so that it is made again.
REMOVED = {REBUILT: "guard.json", JUDGED: "after.json"}
COUNT = (
    *("valgrind", "--tool=cachegrind", "--cache-sim=no", "--trace-children=yes"),
    "--cachegrind-out-file=/dev/null",
)


def call(folder: Path, tool: str, event: str = "PreToolUse", **given: str) -> bytes:
    """A tool call as Claude Code sends it."""
    payload = {"session_id": "1", "cwd": str(folder), "hook_event_name": event}
    return json.dumps({**payload, "tool_name": tool, "tool_input": given}).encode()


def run(command: list[str], stdin: bytes, folder: Path) -> tuple[float, str]:
    """CPU seconds of a command and its children, and its standard error."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, input=stdin, cwd=folder, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 2):  # 2 is a refusal
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr.decode()}")
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, done.stderr.decode()


def instructions(command: list[str], stdin: bytes, folder: Path) -> int:
    """Instructions of a command and its children, in millions."""
    _, errors = run([*COUNT, *command], stdin, folder)
    counts = re.findall(r"I +refs: +([\d,]+)", errors)
    return round(sum(int(count.replace(",", "")) for count in counts) / 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    rounds = parser.parse_args().rounds
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONHASHSEED"] = "0"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "reference"
        subprocess.run(["git", "clone", "-q", str(REPOSITORY), str(folder)], check=True)
        train, frozen = (str(folder / "autoresearch" / f"{n}.py") for n in ("train", "prepare"))
        lab = folder / "autoresearch"
        after = call(lab, "Bash", "PostToolUse", command="make")
        cases = {
            "python -c pass": ([sys.executable, "-c", "pass"], b""),
            "a file is read": (GUARD, call(folder, "Read", file_path=frozen)),
            "train.py is edited": (GUARD, call(folder, "Edit", file_path=train)),
            "python train.py > run.log": (
                GUARD,
                call(lab, "Bash", command="python train.py > run.log 2>&1"),
            ),
            "prepare.py is edited: refused": (GUARD, call(folder, "Edit", file_path=frozen)),
            "after make, nothing changed": (GUARD, after),
            REBUILT: (GUARD, call(folder, "Edit", file_path=train)),
            JUDGED: (GUARD, after),
        }
        seconds: dict[str, list[float]] = {title: [] for title in cases}
        for number in range(rounds + 1):
            for title, (command, stdin) in cases.items():
                if title in REMOVED:
                    (folder / ".git/ouro" / REMOVED[title]).unlink(missing_ok=True)
                cpu, _ = run(command, stdin, folder)
                if number:  # the first round compiles modules
                    seconds[title].append(cpu)
        floor = statistics.median(seconds["python -c pass"])
        counted = bool(shutil.which("valgrind"))
        millions = {
            title: instructions(*case, folder)
            for title, case in cases.items()
            if counted and title not in REMOVED
        }
        for title, measured in seconds.items():
            median = statistics.median(measured)
            line = f"{title:36} {1000 * median:6.1f} ms  {median / floor:4.2f} x"
            if title in millions:
                ratio = millions[title] / millions["python -c pass"]
                line += f"   {millions[title]:5} M  {ratio:4.2f} x"
            print(line)


if __name__ == "__main__":
    main()
