"""Measure what a run can leave for the next one in the sandbox, by the page cache of one file, and
by the times of files.

The first process marks a bit of a random message by reading a page of the file, the second one asks
the kernel's counter of bytes read from the disk which pages were in memory. Then the first marks a
bit by setting the times of a file to now, and the second reads them; these files are outside of
what the sandbox lets it read. Both processes are in the sandbox. The files must lie on a disk:
``python benchmarks/carried_bits.py FOLDER``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

#: Bytes of the file for a bit: every second page, so that the kernel reads none ahead.
STRIDE = 8192
CHILD = """
import json, mmap, os, sys
sys.path.insert(0, sys.argv[1])
from child.kernel import sandbox
spec = json.loads(sys.argv[2])
sandbox.enter(spec)
bits = json.loads(sys.stdin.read())
fd = os.open(spec["read"][0], os.O_RDONLY)
os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
if bits:
    for number, bit in enumerate(bits):
        if bit:
            os.pread(fd, 1, number * 8192)
else:
    def read_bytes():
        with open("/proc/self/io") as file:
            return int(file.read().split("read_bytes: ")[1].split()[0])
    found, before = [], read_bytes()
    for number in range(os.fstat(fd).st_size // 8192):
        os.pread(fd, 1, number * 8192)
        now = read_bytes()
        found.append(int(now == before))
        before = now
    print(json.dumps(found))
"""
TIMES = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from child.kernel import sandbox
spec = json.loads(sys.argv[2])
sandbox.enter(spec)
files = [f"{spec['write'][0]}/../other/{number}" for number in range(spec["files"])]
for file, bit in zip(files, json.loads(sys.stdin.read())):
    if bit:
        os.utime(file)
print(json.dumps([int(os.stat(file).st_mtime > 1) for file in files]))
"""
#: Files whose times are set.
FILES = 1000


def child(file: Path, scratch: str, bits: list[int], program: str = CHILD) -> str:
    """Run one process in the sandbox; return what it prints."""
    package = Path(__file__).parents[1] / "pytest_ouro"
    spec = json.dumps({"read": [str(file)], "write": [scratch], "files": FILES})
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, str(package), spec],
        input=json.dumps(bits),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder on a disk")
    parser.add_argument("--bits", type=int, default=8192)
    args = parser.parse_args()
    chance = random.Random(1)
    message = [chance.getrandbits(1) for _ in range(args.bits)]
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        file = Path(name, "file")
        file.write_bytes(os.urandom(args.bits * STRIDE))
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
            os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        child(file, name, message)
        found = json.loads(child(file, name, []))
        wrong = sum(one != other for one, other in zip(message, found, strict=True))
        print(f"{args.bits} bits in {args.bits * STRIDE >> 20} MiB, {wrong} wrong")
        # A second message cannot be written: nothing in the sandbox drops a page from memory.
        child(file, name, [1 - bit for bit in message])
        again = json.loads(child(file, name, []))
        print(f"bits that can be written again: {again.count(0)}")
        scratch, other = Path(name, "scratch"), Path(name, "other")
        scratch.mkdir()
        other.mkdir()
        for number in range(FILES):
            (other / str(number)).touch()
            os.utime(other / str(number), (1, 1))
        child(file, str(scratch), message[:FILES], TIMES)
        found = json.loads(child(file, str(scratch), [], TIMES))
        wrong = sum(one != other for one, other in zip(message, found, strict=False))
        print(f"{FILES} bits in the times of {FILES} files, {wrong} wrong")


if __name__ == "__main__":
    main()
