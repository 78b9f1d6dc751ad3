"""Miniature projects, each with a file to edit, an evaluation, instructions and a metric."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

TRAIN = '''\
"""Train a small language model. This is the file to change."""

import math
import time

import torch
import torch.nn.functional as F

from prepare import SEQ_LEN, TIME_BUDGET, VOCAB, evaluate_bpb, make_dataloader

SEED = 42
DEPTH = 6
WIDTH = 384
HEADS = 6
BATCH = 32
LR = 0.04
WARMDOWN = 0.5
WEIGHT_DECAY = 0.1
SOFTCAP = 15.0

torch.manual_seed(SEED)


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = torch.nn.LayerNorm(WIDTH)
        self.attention = torch.nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.mlp = torch.nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        h = self.norm(x)
        mask = torch.triu(torch.ones(h.shape[1], h.shape[1], dtype=torch.bool), 1)
        x = x + self.attention(h, h, h, attn_mask=mask, need_weights=False)[0]
        return x + F.relu(self.mlp(x)).square()


class GPT(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(VOCAB, WIDTH)
        self.blocks = torch.nn.ModuleList(Block() for _ in range(DEPTH))
        self.head = torch.nn.Linear(WIDTH, VOCAB, bias=False)

    def forward(self, idx, targets=None, reduction="mean"):
        x = self.embed(idx)
        for block in self.blocks:
            x = block(x)
        logits = SOFTCAP * torch.tanh(self.head(x).float() / SOFTCAP)
        if targets is None:
            return logits
        return F.cross_entropy(logits.view(-1, VOCAB), targets.view(-1), reduction=reduction)


def rate(progress):
    """The factor of the learning rate, which falls at the end."""
    return min(1.0, (1.0 - progress) / max(WARMDOWN, 1e-8))


model = GPT()
optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
loader = make_dataloader("train", BATCH, SEQ_LEN)
trained = 0.0
step = 0
while trained < TIME_BUDGET:
    started = time.perf_counter()
    x, y = next(loader)
    loss = model(x, y)
    if not math.isfinite(loss.item()):
        raise SystemExit("FAIL")
    loss.backward()
    for group in optimizer.param_groups:
        group["lr"] = LR * rate(trained / TIME_BUDGET)
    optimizer.step()
    optimizer.zero_grad()
    step += 1
    if step > 10:
        trained += time.perf_counter() - started

val_bpb = evaluate_bpb(model, BATCH)
print(f"val_bpb: {val_bpb:.6f}")
print(f"training_seconds: {trained:.1f}")
print(f"num_steps: {step}")
'''

PREPARE = '''\
"""Data and evaluation. Do not change this file during the experiments."""

import math
import os

import torch

SEQ_LEN = 256
VOCAB = 512
TIME_BUDGET = 300
EVAL_TOKENS = 64 * SEQ_LEN
WORKERS = 4
FOLDER = os.path.expanduser("~/.cache/minilab")


def load(split):
    """The tokens of a split."""
    return torch.load(os.path.join(FOLDER, f"{split}.pt"))


def make_dataloader(split, batch, length):
    """Yield batches of inputs and targets without an end."""
    tokens = load(split)
    position = 0
    while True:
        rows = []
        for _ in range(batch):
            if position + length + 1 > len(tokens):
                position = 0
            rows.append(tokens[position : position + length + 1])
            position += length
        rows = torch.stack(rows)
        yield rows[:, :-1], rows[:, 1:]


@torch.no_grad()
def evaluate_bpb(model, batch):
    """Bits per byte on the validation split; lower is better."""
    model.eval()
    loader = make_dataloader("val", batch, SEQ_LEN)
    total, count = 0.0, 0
    for _ in range(EVAL_TOKENS // (batch * SEQ_LEN)):
        x, y = next(loader)
        losses = model(x, y, reduction="none").view(-1)
        total += losses.sum().item()
        count += y.numel()
    return total / count / math.log(2)
'''

PROGRAM = """\
# Experiments

You are a researcher who works alone through the night.

- The only file that you edit is `train.py`. Everything in it may change.
- Do not modify `prepare.py`: it has the data, the time budget and the evaluation `evaluate_bpb`.
- Do not install packages or add dependencies.
- The goal is the lowest `val_bpb`. Each run trains for 5 minutes.

## The loop

1. Edit `train.py` with one idea and commit it.
2. `uv run train.py > run.log 2>&1`, then `grep "^val_bpb:" run.log`.
3. Write a row into `results.tsv`: commit, val_bpb, memory_gb, status, description. The status is
   keep, discard or crash.
4. If val_bpb went down, keep the commit; else go back to where you started.
"""

PYPROJECT = """\
[project]
name = "minilab"
version = "0.1.0"
requires-python = ">=3.10"
dependencies = ["torch>=2.4", "numpy>=1.26"]
"""


@dataclass(frozen=True)
class Project:
    """A project at the start of its loop.

    ``knobs`` are constants of the first editable file, with a step by which experiments change
    each; ``first`` is the metric of the baseline, ``step`` a change far above the noise.
    """

    name: str
    files: dict[str, str]
    editable: tuple[str, ...]
    harness: tuple[str, ...]
    metric: str
    knobs: tuple[tuple[str, float], ...]
    first: float
    step: float
    higher: bool = False
    budget: float = 300.0
    folder: str = ""
    texts: dict[str, str] = field(default_factory=dict)

    def within(self, folder: str) -> Project:
        """The same project in a folder of a larger repository."""
        return replace(
            self,
            folder=folder,
            files={f"{folder}/{path}": text for path, text in self.files.items()},
            editable=tuple(f"{folder}/{path}" for path in self.editable),
            harness=tuple(f"{folder}/{path}" for path in self.harness),
        )

    def with_files(self, **texts: str) -> Project:
        """The same project with other texts; ``program__md`` is program.md."""
        named = {name.replace("__", "."): text for name, text in texts.items()}
        return replace(self, files={**self.files, **named})


LM = Project(
    name="language model",
    files={
        "train.py": TRAIN,
        "prepare.py": PREPARE,
        "program.md": PROGRAM,
        "pyproject.toml": PYPROJECT,
        "README.md": "# minilab\n\nA small language model, tuned over night.\n",
        ".gitignore": "__pycache__/\n.venv/\nrun.log\nresults.tsv\n",
    },
    editable=("train.py",),
    harness=("prepare.py",),
    metric="val_bpb",
    knobs=(
        ("LR", 0.003),
        ("DEPTH", 1),
        ("WARMDOWN", 0.05),
        ("WIDTH", 64),
        ("WEIGHT_DECAY", 0.02),
        ("SOFTCAP", 1.5),
    ),
    first=1.1482,
    step=0.0094,
)
#: The same, whose ledger is meant to be in git.
LM_OPEN = LM.with_files(**{".gitignore": "__pycache__/\n.venv/\nrun.log\n"})
