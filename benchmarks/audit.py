"""What an audit costs: a loop of many commits and rows, on the code of the reference experiment.

    python benchmarks/audit.py [--commits 2000] [--rows 1200]

Builds a repository in a temporary folder, audits it, and prints wall seconds, CPU seconds and the
peak memory of the audit's processes. Each commit changes a number of train.py, every fifth also a
line; three rows of five are of commits that were kept, the others of commits that were dropped.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = Path(__file__).parents[1] / "autoresearch"
HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"


def main() -> None:
    """Build the repository, audit it, and print what that took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commits", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=1200)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        build(top, args.commits, args.rows)
        began = time.perf_counter()
        command = [sys.executable, "-m", "pytest_ouro", "audit", str(top)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as audit:
            said = audit.stdout.read() if audit.stdout else ""
            _, status, used = os.wait4(audit.pid, 0)
            audit.returncode = os.waitstatus_to_exitcode(status)
        wall, cpu = time.perf_counter() - began, used.ru_utime + used.ru_stime
    print(*said.splitlines()[-1:])
    print(f"{args.commits} commits, {args.rows} rows: {wall:.1f} s, {cpu:.1f} s of CPU, ", end="")
    print(f"at most {used.ru_maxrss / 1024:.0f} MB")


def build(top: Path, commits: int, rows: int) -> None:
    """Write a repository with so many commits, and a ledger with so many rows, into a folder."""
    git(top, "init", "-q", "-b", "main")
    command = ["git", "-C", str(top), "fast-import", "--quiet"]
    # A process counts the peak of the one that starts it as its own, so no text of all commits.
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as reader:
        if reader.stdin:
            reader.stdin.writelines(history(commits))
    if reader.returncode:
        raise subprocess.CalledProcessError(reader.returncode, command)
    git(top, "reset", "-q", "--hard", "main")
    ids = git(top, "rev-list", "--reverse", "main").split()
    value, lines = 2.0, [HEADER]
    for number in range(rows):
        kept = number % 5 < 3
        commit = ids[1 + number * 3 // 5] if kept else f"{number + 16**6:07x}"
        value -= 1e-4 if kept else 0.0
        status = "keep" if kept else "discard"
        shown = value if kept else value + 0.01
        lines.append(f"{commit[:7]}\t{shown:.6f}\t1.3\t{status}\ttry {number}\n")
    (top / "results.tsv").write_text("".join(lines))


def history(commits: int) -> Iterator[str]:
    """Yield the commands of ``git fast-import`` for so many commits."""
    files = {path.name: path.read_text() for path in sorted(CODE.iterdir()) if path.is_file()}
    files[".gitignore"] = "results.tsv\nrun.log\n"
    train = files["train.py"]
    for number in range(commits):
        text = f"{train}\nTRIED = {number}\n" + "".join(
            f"OPTION_{n} = {n * number}\n" for n in range(number // 5)
        )
        changed = files if number == 0 else {}
        yield f"commit refs/heads/main\ncommitter A <a@example.org> {10**9 + number} +0000\n"
        yield data(f"try {number}" if number else "the code")
        for name, content in {**changed, "train.py": text if number else train}.items():
            yield f"M 100644 inline {name}\n{data(content)}"


def data(text: str) -> str:
    """Return the command of ``git fast-import`` that has a text."""
    return f"data {len(text.encode())}\n{text}\n"


def git(top: Path, *words: str) -> str:
    """Run git in a folder, and return what it prints."""
    command = ["git", "-C", str(top), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    main()
