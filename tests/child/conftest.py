"""A torch experiment in miniature: a harness of the original's interface, and its script."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ouro.experiment.supervision.supervisor import supervise
from tests.experiment.conftest import Bench

if TYPE_CHECKING:
    from pathlib import Path

HARNESS = """\
import math
import torch

MAX_SEQ_LEN, VOCAB_SIZE, TIME_BUDGET = 16, 12, 1
EVAL_TOKENS = 64 * MAX_SEQ_LEN

class Tokenizer:
    @classmethod
    def from_directory(cls):
        return cls()

    def size(self):
        return VOCAB_SIZE

def get_token_bytes(device="cpu"):
    return (torch.arange(VOCAB_SIZE, device=device) % 5).int()

def make_dataloader(tokenizer, B, T, split, buffer_size=1000):
    assert tokenizer.size() == VOCAB_SIZE
    chance = torch.Generator().manual_seed(len(split))
    while True:
        tokens = [torch.randint(0, VOCAB_SIZE, (T + 1,), generator=chance) for _ in range(B)]
        tokens = torch.stack(tokens)
        yield tokens[:, :-1], tokens[:, 1:], 1

@torch.no_grad()
def evaluate_bpb(model, tokenizer, batch_size):
    sizes = get_token_bytes()
    batches = make_dataloader(tokenizer, batch_size, MAX_SEQ_LEN, "val")
    nats, total = 0.0, 0
    for _ in range(EVAL_TOKENS // (batch_size * MAX_SEQ_LEN)):
        x, y, _ = next(batches)
        loss = model(x, y, reduction="none").view(-1)
        num_bytes = sizes[y.view(-1) if y.is_contiguous() else y.reshape(-1)]
        nats += (loss * (num_bytes > 0)).sum().item()
        total += num_bytes.sum().item()
    return nats / (math.log(2) * total)
"""

SCRIPT = """\
import torch
import torch.nn.functional as F
from prepare import *

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.table = torch.nn.Embedding(VOCAB_SIZE, VOCAB_SIZE)

    def forward(self, x, targets=None, reduction="mean"):
        logits = self.table(x)
        if targets is None:
            return logits
        return F.cross_entropy(logits.reshape(-1, VOCAB_SIZE), targets.reshape(-1),
                               reduction=reduction)

tokenizer = Tokenizer.from_directory()
model = Model()
{before}
batches = make_dataloader(tokenizer, 4, MAX_SEQ_LEN, "train")
for _ in range(200):
    x, y, _ = next(batches)
model(x, y).backward()
val_bpb = {evaluate}
print(f"val_bpb: {{val_bpb:.6f}}")
{after}
"""


@dataclass(frozen=True)
class Miniature:
    """Runs the script, with code put into it, alone or under a judge."""

    bench: Bench

    def script(
        self,
        *,
        before: str = "",
        evaluate: str = "evaluate_bpb(model, tokenizer, 8)",
        after: str = "",
    ) -> str:
        return SCRIPT.format(before=before, evaluate=evaluate, after=after)

    def supervised(self, *, harness: str = HARNESS, **parts: str) -> Any:
        return self.bench.train(self.script(**parts), harness=harness)

    def judged(self, *, harness: str = HARNESS, rows: int = 0, **parts: Any) -> Any:
        judge = {key: parts.pop(key) for key in ("vault", "score_decimals") if key in parts}
        changes = {key: parts.pop(key) for key in ("budget", "startup_seconds") if key in parts}
        job = self.bench.job(self.script(**parts), mode="experiment", harness=harness, **changes)
        keys = ("harness", "harness_path", "harness_source", "loader", "evaluate", "budget")
        questions = {key: job.message[key] for key in keys}
        return supervise(replace(job, judge={**questions, "rows": rows, **judge}))


@pytest.fixture
def mini(tmp_path: Path, fork_runs: Any) -> Miniature:
    pytest.importorskip("torch", reason="the miniature's model is one of torch")
    fork_runs()
    folder = tmp_path / "bench"
    folder.mkdir()
    return Miniature(Bench(folder, tmp_path))
