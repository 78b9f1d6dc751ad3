"""Compare our baseline with karpathy/autoresearch's on one card, and measure the supervision.

    python benchmarks/cuda_baseline.py --original DIR --home HOME --make-data   # anywhere, once
    python benchmarks/cuda_baseline.py --original DIR --home HOME               # on the card

DIR is a checkout of the original. HOME (by default yours) holds .cache/autoresearch as its
prepare.py leaves it; --make-data makes a small one there, and the data of our own prepare.py, to be
copied to a machine without a network.

Both scripts run alternately under the original's prepare.py: the same data, tokenizer, evaluation
and budget, which is shorter than 300 s so that everything ends within ten minutes. The original
does not charge its first 11 steps; ours charges all. The figures are printed as rows of Markdown.

pytest-ouro must be installed. If `kernels` is installed, the original fetches its attention from a
hub; otherwise, or with KERNELS=0 in the environment, torch's flex_attention replaces it.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
OURS = REPOSITORY / "autoresearch"
UNCHARGED = 11  # steps of the original
COLUMNS = ("val_bpb", "num_steps", "tok_per_sec", "mfu_percent", "peak_vram_mb", "training_seconds")

#: Our train.py needs these names beside those of the original's prepare.py.
BRIDGE = """
import time
import torch
from original_prepare import *
DEVICE = torch.device("cuda")
def training_clock():
    torch.cuda.synchronize()
    return time.monotonic()
"""
#: Replacements for packages of the original that are not installed. The first two are only imported
#: once there are data; the last gives torch's flex_attention instead of a kernel from a hub.
STAND_INS = {
    "requests": "",
    "rustbpe": "",
    "kernels": """
import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from prepare import MAX_SEQ_LEN
attend = torch.compile(flex_attention, dynamic=False)
def mask(window):
    def seen(b, h, q, k):
        return (k <= q) & (q - k <= window)
    return create_block_mask(seen, None, None, MAX_SEQ_LEN, MAX_SEQ_LEN, device="cuda")
masks = {window: mask(window) for window in (MAX_SEQ_LEN, MAX_SEQ_LEN // 2)}
class flash_attn_interface:
    @staticmethod
    def flash_attn_func(q, k, v, causal, window_size):
        q, k, v = (x.transpose(1, 2).to(torch.bfloat16) for x in (q, k, v))
        return attend(q, k, v, block_mask=masks[window_size[0]]).transpose(1, 2)
def get_kernel(name):
    import kernels
    return kernels
""",
}


@dataclass(frozen=True)
class Run:
    """One run: its name, seed and summary, and its wall time in seconds."""

    name: str
    seed: int
    summary: dict[str, float]
    wall: float

    @property
    def row(self) -> str:
        values = [f"{self.summary[key]:g}" if key in self.summary else "n/a" for key in COLUMNS]
        return f"| {self.name} | {self.seed} | {' | '.join(values)} | {self.wall:.1f} |"


def edited(path: Path, *edits: tuple[str, str]) -> str:
    """Return a file's text after edits; SystemExit if it lacks a text to edit."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise SystemExit(f"{path} cannot be read: {error.strerror}") from None
    for old, new in edits:
        if old not in text:
            raise SystemExit(f"{path} has no line {old!r}: is it another version?")
        text = text.replace(old, new)
    return text


def missing() -> list[str]:
    """Return the packages of the original that are not installed, or disabled by KERNELS=0."""
    unused = {"kernels"} if os.environ.get("KERNELS") == "0" else set()
    return [name for name in STAND_INS if name in unused or not importlib.util.find_spec(name)]


def lay_out(folder: Path, files: dict[str, str]) -> Path:
    """Write scripts into a folder, with the replacements that they need."""
    for name, text in {**{f"{name}.py": STAND_INS[name] for name in missing()}, **files}.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def run(name: str, seed: int, folder: Path, home: Path, command: list[str] | None = None) -> Run:
    """Run a folder's train.py, or a command there; return its summary. SystemExit if it fails."""
    began = time.monotonic()
    done = subprocess.run(
        command or [sys.executable, "-B", "train.py"],
        cwd=folder,
        env={**os.environ, "HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    wall = time.monotonic() - began
    if done.returncode:
        print("\n".join(done.stdout.replace("\r", "\n").splitlines()[-30:]))
        raise SystemExit(f"{name} (seed {seed}) failed with status {done.returncode}")
    found = re.findall(r"^(\w+): +([\d.]+)$", done.stdout, re.MULTILINE)
    summary = {key: float(value) for key, value in found}
    if "num_steps" in summary:
        steps = summary["num_steps"]
        charged = steps - UNCHARGED if name == "original" else steps
        tokens = summary["total_tokens_M"] * 1e6 * charged / steps
        summary["tok_per_sec"] = round(tokens / summary["training_seconds"])
    result = Run(name, seed, summary, wall)
    print(result.row, flush=True)
    return result


def compare(options: argparse.Namespace, seed: int) -> tuple[Run, Run]:
    """Run the original and ours with one seed, one after the other."""
    harness = edited(
        options.original / "prepare.py",
        ("TIME_BUDGET = 300", f"TIME_BUDGET = {options.budget:g}"),
        ("EVAL_TOKENS = 40 * 524288", f"EVAL_TOKENS = {options.eval_tokens}"),
    )
    theirs = edited(options.original / "train.py", ("manual_seed(42)", f"manual_seed({seed})"))
    ours = edited(OURS / "train.py", ("SEED = 42", f"SEED = {seed}"))
    sides = {
        "original": {"prepare.py": harness, "train.py": theirs},
        "ours": {"original_prepare.py": harness, "prepare.py": BRIDGE, "train.py": ours},
    }
    order = sorted(sides, reverse=seed % 2 == 0)  # alternate: a warm card must favour neither
    runs = {}
    for name in order:
        with tempfile.TemporaryDirectory() as folder:
            runs[name] = run(name, seed, lay_out(Path(folder), sides[name]), options.home)
    return runs["original"], runs["ours"]


def supervision(options: argparse.Namespace) -> tuple[Run, Run]:
    """Run our experiment on our own data: by itself, and under `pytest --ouro-experiment`."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder, "clone")
        subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(clone)], check=True)
        alone = Path(folder, "alone")
        alone.mkdir()
        budget = ("TIME_BUDGET = 300 if CUDA", f"TIME_BUDGET = {options.budget:g} if CUDA")
        texts = {"prepare.py": edited(OURS / "prepare.py", budget)}
        texts["train.py"] = edited(OURS / "train.py")
        by_itself = run("alone", 42, lay_out(alone, texts), options.home)
        command = [sys.executable, "-m", "pytest", "--ouro-experiment", "-p", "no:cacheprovider"]
        command += ["--ouro-budget", f"{options.budget:g}"]
        return by_itself, run("supervised", 42, clone, options.home, command)


def make_data(options: argparse.Namespace) -> None:
    """Make a small .cache/autoresearch of our corpus, and the data of our CUDA profile from it."""
    import pyarrow
    from pyarrow import parquet

    sys.path.insert(0, str(OURS))
    import prepare

    shards = options.home / ".cache" / "autoresearch" / "data"
    shards.mkdir(parents=True, exist_ok=True)
    splits = prepare._split(prepare._corpus())
    for name, split in (("shard_00000", "train"), ("shard_06542", "val")):
        parquet.write_table(pyarrow.table({"text": splits[split]}), shards / f"{name}.parquet")
    with tempfile.TemporaryDirectory() as folder:
        files = {"prepare.py": edited(options.original / "prepare.py")}
        command = [sys.executable, "-B", "-c", "import prepare; prepare.train_tokenizer()"]
        run("tokenizer of the original", 0, lay_out(Path(folder), files), options.home, command)
    command = [sys.executable, "-B", "prepare.py", "--profile", "cuda", "--data-dir", str(shards)]
    run("our data", 0, OURS, options.home, command)
    print(f"Ready: copy {options.home}/.cache")


def demand_card(home: Path) -> str:
    """Return the card's name; SystemExit if there is no card or no data."""
    try:
        import torch
    except ModuleNotFoundError:
        raise SystemExit("this needs torch and a CUDA card: torch is not installed") from None
    if not torch.cuda.is_available():
        raise SystemExit("this needs a CUDA card: torch sees none")
    for name in ("tokenizer/tokenizer.pkl", "data/shard_06542.parquet"):
        path = home / ".cache" / "autoresearch" / name
        if not path.exists():
            raise SystemExit(f"{path} is missing: run the original's prepare.py, or --make-data")
    return torch.cuda.get_device_name()


def ratios(pairs: list[tuple[Run, Run]]) -> list[str]:
    """Return the ratios of ours to the original as rows: for each seed, and of the means."""
    rows = ["| ours / original | each seed | means |", "|---|---|---|"]
    sides = list(zip(*pairs, strict=True))
    for key in ("val_bpb", "tok_per_sec", "peak_vram_mb"):
        theirs, ours = ([run.summary[key] for run in runs] for runs in sides)
        each = " ".join(f"{b / a:.4f}" for a, b in zip(theirs, ours, strict=True))
        rows.append(f"| {key} | {each} | {statistics.mean(ours) / statistics.mean(theirs):.4f} |")
    return rows


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--original", type=Path, required=True, metavar="DIR")
    parser.add_argument("--home", type=Path, default=Path.home())
    parser.add_argument("--budget", type=float, default=40, help="seconds of training (40)")
    parser.add_argument("--seeds", type=int, default=2, help="pairs of runs, at most (2)")
    parser.add_argument("--eval-tokens", type=int, default=2**20)
    parser.add_argument("--minutes", type=float, default=9.5, help="no run begins that ends later")
    parser.add_argument("--make-data", action="store_true")
    options = parser.parse_args(arguments)
    options.original, options.home = options.original.resolve(), options.home.resolve()
    if options.make_data:
        return make_data(options)
    began = time.monotonic()
    card = demand_card(options.home)
    print(f"{card}, {options.budget:g} s of training, {options.eval_tokens:,} tokens evaluated")
    if absent := missing():
        print(f"not installed, replaced: {', '.join(absent)}")
    print(f"\n| run | seed | {' | '.join(COLUMNS)} | wall_seconds |")
    print(f"|---|---|{'---|' * (len(COLUMNS) + 1)}")

    pairs: list[tuple[Run, Run]] = []
    longest = 0.0
    for seed in range(42, 42 + options.seeds):
        first = time.monotonic()
        if pairs and first - began + longest > 60 * options.minutes:
            break
        pairs.append(compare(options, seed))
        longest = max(longest, time.monotonic() - first)
    print("", *ratios(pairs), sep="\n", flush=True)
    if time.monotonic() - began + longest > 60 * options.minutes:
        print("\nno time is left to measure the supervision: --seeds 1")
        return None
    print()
    alone, supervised = supervision(options)
    share = (supervised.wall - alone.wall) / supervised.wall
    print(f"\nsupervision: {100 * share:.1f} % of the wall time of a run this short")
    return None


if __name__ == "__main__":
    main(sys.argv[1:])
