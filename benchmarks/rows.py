"""Measure what losses by row cost a judged run, in CPU seconds of one thread.

    python benchmarks/rows.py [--rounds N]

*storing*: sum up the losses of a model on the judged rows by quarters and rare bytes, pack them,
encode and decode them as for the supervisor, write the file and compute its digest. *pairing*: read
the files of ten runs, check their digests, and compute the standard error of five paired
differences, as a certificate does. The numbers are made up; the sizes are those of the reference
experiment's two profiles. Prints the median and the largest of N rounds, and the size of a file.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import statistics
import tempfile
import time
from pathlib import Path

import torch

from pytest_ouro.child.losses import file, slices
from pytest_ouro.core.plain_file import write_whole
from pytest_ouro.experiment.verdict.rows_error import rows_standard_error

#: Rows, targets of a row and tokens of the vocabulary, by profile.
SIZES = {"cpu": (256, 512, 2048), "cuda": (1024, 2048, 8192)}


def seconds(began: float) -> float:
    """Return the CPU seconds of this process since ``began``."""
    return time.process_time() - began


def measure(rows: int, length: int, vocabulary: int, folder: Path) -> tuple[float, float, int]:
    """Return the CPU seconds of storing one run and of pairing ten, and the size of a file."""
    num_bytes = torch.randint(1, 9, (vocabulary,))
    targets = torch.randint(0, vocabulary, (rows, length))
    runs = [torch.rand(rows, length, dtype=torch.float64) * 9 for _ in range(10)]
    stored, digests, size = [], [], 0
    for number, nats in enumerate(runs):
        began = time.process_time()
        rare = slices.find_rare(targets, num_bytes)
        content = file.pack(slices.sum_up(range(rows), nats, num_bytes[targets], rare))
        content = base64.b64decode(base64.b64encode(content), validate=True)
        write_whole(folder, f"{number}.rows", content, mode=0o600)
        digests.append(hashlib.sha256(content).hexdigest())
        stored.append(seconds(began))
        size = len(content)
    began = time.process_time()
    read = []
    for number, digest in enumerate(digests):
        content = (folder / f"{number}.rows").read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
        read.append(file.unpack(content))
    assert rows_standard_error(list(zip(read[::2], read[1::2], strict=True))) is not None
    return statistics.median(stored), seconds(began), size


def main() -> None:
    """Print the costs for both profiles."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    for profile, sizes in SIZES.items():
        with tempfile.TemporaryDirectory() as folder:
            found = [measure(*sizes, Path(folder)) for _ in range(rounds)]
        for place, name in enumerate(("storing a run", "pairing ten")):
            values = [one[place] for one in found]
            middle, most = statistics.median(values), max(values)
            print(f"{profile:5} {name:14} median {middle:.4f} s, largest {most:.4f} s")
        print(f"{profile:5} a file         {found[0][2]} bytes")


if __name__ == "__main__":
    main()
