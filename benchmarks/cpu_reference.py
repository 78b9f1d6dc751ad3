"""Measure every figure of docs/reference-experiment.md: python benchmarks/cpu_reference.py

Name sections as arguments to measure only those. Each run is a process of its own, on copies of
autoresearch/prepare.py and train.py, one after another; keep the machine quiet meanwhile.
"""

import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import islice
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "autoresearch"
SEEDS = (42, 43, 44, 45, 46)
BUDGETS = (5, 10, 40, 60)
CHANGES = (
    ("LEARNING_RATE = 3e-3", "LEARNING_RATE = 6e-3"),
    ("DEPTH = 8 if CUDA else 4", "DEPTH = 8 if CUDA else 2"),
    ("WARMDOWN_RATIO = 0.5", "WARMDOWN_RATIO = 0.2"),
    ("F.relu(self.up(x)).square()", "F.gelu(self.up(x))"),
    ("ASPECT_RATIO = 64 if CUDA else 16", "ASPECT_RATIO = 64 if CUDA else 24"),
    ("LEARNING_RATE = 3e-3", "LEARNING_RATE = 1.5e-3"),
)


def experiment(*edits: tuple[str, str]) -> dict[str, float]:
    """Run train.py after the edits; return its summary, wall seconds and 1-minute load before."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        for name in ("prepare.py", "train.py"):
            source = (FOLDER / name).read_text("utf-8")
            for old, new in edits:
                source = source.replace(old, new)
            Path(folder, name).write_text(source, "utf-8")
        started = time.monotonic()
        command = [sys.executable, "-B", "train.py"]
        output = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
        wall = time.monotonic() - started
    summary = dict(re.findall(r"^(\w+): +([\d.]+)$", output.stdout, re.MULTILINE))
    return {key: float(value) for key, value in summary.items()} | {"wall": wall, "load": load}


def seed(number: int) -> tuple[str, str]:
    """Return the edit that sets another seed."""
    return "SEED = 42", f"SEED = {number}"


def report(name: str, runs: list[dict[str, float]]) -> None:
    """Print the figures of runs that differ only in their seed."""
    scores = [run["val_bpb"] for run in runs]
    spread = f" SD {statistics.stdev(scores):.4f}" if len(scores) > 1 else ""
    print(f"{name}: mean {statistics.mean(scores):.4f}{spread}")
    for key in ("val_bpb", "num_steps", "training_seconds", "wall", "peak_vram_mb", "load"):
        print(f"    {key}: {' '.join(f'{run[key]:g}' for run in runs)}", flush=True)


def levels() -> None:
    """Without training: bytes by their frequency, and the untrained model."""
    sys.path.insert(0, str(FOLDER))
    import torch
    from prepare import EVAL_TOKENS, MAX_SEQ_LEN, Tokenizer, evaluate_bpb, make_dataloader
    from train import SEED, build_model

    tokenizer = Tokenizer.from_directory()
    count = {"train": Counter(), "val": Counter()}
    rows = {"train": 11_000, "val": EVAL_TOKENS // MAX_SEQ_LEN}
    for split, counter in count.items():
        for _, y, _ in islice(make_dataloader(tokenizer, 1, MAX_SEQ_LEN, split), rows[split]):
            ids = [i for i in y.flatten().tolist() if i != tokenizer.get_bos_token_id()]
            counter.update(b"".join(tokenizer._encoding.decode_tokens_bytes(ids)))
    total = count["train"].total()
    bits = sum(n * -math.log2(count["train"][byte] / total) for byte, n in count["val"].items())
    print(f"byte unigram: {bits / count['val'].total():.4f}")
    torch.manual_seed(SEED)
    model = build_model(tokenizer.get_vocab_size())
    print(f"untrained model: {evaluate_bpb(model, tokenizer, 4):.4f}", flush=True)


def preparation() -> None:
    """Wall time of prepare.py with an empty cache, and with a filled one."""
    with tempfile.TemporaryDirectory() as home:
        for name in ("first", "second"):
            started = time.monotonic()
            command = [sys.executable, "-B", str(FOLDER / "prepare.py")]
            subprocess.run(command, env={**os.environ, "HOME": home}, check=True)
            print(f"{name} prepare.py: {time.monotonic() - started:.1f} s", flush=True)


def noise() -> None:
    """The baseline with five seeds."""
    report("baseline", [experiment(seed(number)) for number in SEEDS])


def steps() -> None:
    """The baseline with five seeds and 280 steps each, without a limit of time."""
    edits = (
        ("budget: float = TIME_BUDGET", "budget: float = 280"),
        ("[[], float] = training_clock", "[[], float] = iter(range(10_000)).__next__"),
    )
    report("280 steps", [experiment(*edits, seed(number)) for number in SEEDS])


def budgets() -> None:
    """The baseline with other budgets, three seeds each."""
    for seconds in BUDGETS:
        edit = ("TIME_BUDGET = 300 if CUDA else 20", f"TIME_BUDGET = {seconds}")
        report(f"budget {seconds}", [experiment(edit, seed(number)) for number in SEEDS[:3]])


def changes() -> None:
    """Changes of one line, three seeds each."""
    for edit in CHANGES:
        report(" -> ".join(edit), [experiment(edit, seed(number)) for number in SEEDS[:3]])


SECTIONS = {f.__name__: f for f in (preparation, levels, noise, steps, budgets, changes)}

if __name__ == "__main__":
    for name in sys.argv[1:] or SECTIONS:
        print(f"== {name}: {SECTIONS[name].__doc__}")
        SECTIONS[name]()
