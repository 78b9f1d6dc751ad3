"""Train a small GPT for TIME_BUDGET seconds and print its val_bpb: the file to experiment with.

    python train.py          # after python prepare.py

The constants below are this file's only settings, each with one value per profile where the GPU
and the CPU want different ones. Everything here may change; prepare.py may not.
"""

import copy
import itertools
import math
import resource
import sys
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

import torch
import torch.nn as nn
import torch.nn.functional as F
from prepare import (
    DEVICE,
    MAX_SEQ_LEN,
    TIME_BUDGET,
    Tokenizer,
    evaluate_bpb,
    make_dataloader,
    training_clock,
)

CUDA = DEVICE.type == "cuda"

# Model
DEPTH = 8 if CUDA else 4  # layers
ASPECT_RATIO = 64 if CUDA else 16  # width = DEPTH * ASPECT_RATIO, rounded up to whole heads
HEAD_DIM = 128 if CUDA else 32
ROPE_BASE = 10_000.0

# Optimization
DEVICE_BATCH_SIZE = 64 if CUDA else 4  # rows per forward pass: lower it when memory runs out
TOTAL_BATCH_SIZE = 262_144 if CUDA else 1_024  # tokens per step
LEARNING_RATE = 3e-3
EMBEDDING_LR = LEARNING_RATE
MATRIX_LR = LEARNING_RATE
HEAD_LR = LEARNING_RATE
BETAS = (0.9, 0.95)
WEIGHT_DECAY = 0.0
WARMDOWN_RATIO = 0.5  # closing share of the budget in which the learning rate falls to zero
SEED = 42

# Dense bf16 FLOP/s, by part of the card's name
PEAK_FLOPS = {"H100 80GB": 989.5e12, "H200": 989.5e12, "A100": 312e12, "B200": 2250e12}

Batches = Iterator[tuple[torch.Tensor, torch.Tensor, int]]  # inputs, targets, epoch
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # mean loss of inputs and targets


def norm(x: torch.Tensor) -> torch.Tensor:
    """RMSNorm over the last dimension, without a gain."""
    return F.rms_norm(x, x.shape[-1:])


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary positions: turn the pairs (x[i], x[i + D/2]) of (..., T, D) by the angles (T, D/2)."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


class Attention(nn.Module):
    """Causal self-attention with rotary positions and normalised queries and keys."""

    def __init__(self, width: int, head_dim: int) -> None:
        super().__init__()
        self.head_dim = head_dim
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        heads = self.qkv(x).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)  # (B, 3H, T, D)
        q, k, v = heads.chunk(3, dim=1)
        q, k = rotate(norm(q), cos, sin), rotate(norm(k), cos, sin)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).flatten(2))


class MLP(nn.Module):
    """Two matrices with a squared ReLU between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)
        nn.init.zeros_(self.down.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down(F.relu(self.up(x)).square())


class Block(nn.Module):
    """One layer: attention, then MLP, each added to its input; at first they add nothing."""

    def __init__(self, width: int, head_dim: int) -> None:
        super().__init__()
        self.attention = Attention(width, head_dim)
        self.mlp = MLP(width)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(norm(x), cos, sin)
        return x + self.mlp(norm(x))


class GPT(nn.Module):
    """A decoder-only transformer whose head is separate from its embedding."""

    cos: torch.Tensor
    sin: torch.Tensor

    def __init__(
        self, vocab_size: int, depth: int, width: int, head_dim: int, sequence_len: int
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, width)
        nn.init.normal_(self.embedding.weight, std=0.02)  # small, so that AdamW moves it soon
        self.blocks = nn.ModuleList(Block(width, head_dim) for _ in range(depth))
        self.head = nn.Linear(width, vocab_size, bias=False)
        frequencies = ROPE_BASE ** (-torch.arange(0, head_dim, 2) / head_dim)
        angles = torch.outer(torch.arange(sequence_len), frequencies)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(
        self, idx: torch.Tensor, targets: torch.Tensor | None = None, reduction: str = "mean"
    ) -> torch.Tensor:
        """Logits (B, T, vocab_size) of tokens (B, T); with targets (B, T) their loss in nats.

        `reduction` is that of F.cross_entropy: "mean" gives a scalar, "none" (B * T,) values.
        """
        x = norm(self.embedding(idx))
        cos, sin = self.cos[: idx.shape[1]], self.sin[: idx.shape[1]]
        for block in self.blocks:
            x = block(x, cos, sin)
        logits = self.head(norm(x)).float()
        if targets is None:
            return logits
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction=reduction)

    def flops_per_token(self) -> int:
        """Floating-point operations of training on one token, by the convention of MFU figures.

        Six per weight that multiplies, and attention as if nothing were masked.
        """
        weights = sum(p.numel() for p in self.parameters()) - self.embedding.weight.numel()
        sequence_len, width = len(self.cos), self.embedding.embedding_dim
        return 6 * weights + 12 * len(self.blocks) * sequence_len * width


def build_model(vocab_size: int) -> GPT:
    """The model that the constants above describe, on DEVICE."""
    heads = math.ceil(DEPTH * ASPECT_RATIO / HEAD_DIM)
    return GPT(vocab_size, DEPTH, heads * HEAD_DIM, HEAD_DIM, MAX_SEQ_LEN).to(DEVICE)


def build_optimizer(model: GPT) -> torch.optim.Optimizer:
    """AdamW, with a learning rate for each kind of weight."""
    groups = [
        {"params": model.embedding.parameters(), "initial_lr": EMBEDDING_LR},
        {"params": model.blocks.parameters(), "initial_lr": MATRIX_LR},
        {"params": model.head.parameters(), "initial_lr": HEAD_LR},
    ]
    return torch.optim.AdamW(groups, betas=BETAS, weight_decay=WEIGHT_DECAY, fused=True)


def compiled(model: GPT) -> Loss:
    """The model as the training loop calls it: compiled where that pays within the budget."""
    return torch.compile(model, dynamic=False) if CUDA else model


def autocast() -> torch.autocast:
    """Matrix products in bfloat16 where the profile has it."""
    return torch.autocast(DEVICE.type, torch.bfloat16, enabled=CUDA)


def accumulation_steps() -> int:
    """Forward passes per optimizer step."""
    tokens = DEVICE_BATCH_SIZE * MAX_SEQ_LEN
    if TOTAL_BATCH_SIZE % tokens:
        fail(f"TOTAL_BATCH_SIZE is no multiple of DEVICE_BATCH_SIZE * MAX_SEQ_LEN = {tokens}")
    return TOTAL_BATCH_SIZE // tokens


def lr_multiplier(progress: float) -> float:
    """Factor of the learning rates when a share `progress` of the budget is used up."""
    return min(1.0, (1.0 - progress) / WARMDOWN_RATIO)


def train_step(
    loss_of: Loss, optimizer: torch.optim.Optimizer, batches: Batches, progress: float = 0.0
) -> float:
    """One optimizer step on TOTAL_BATCH_SIZE tokens; returns their mean loss in nats."""
    passes = accumulation_steps()
    total = torch.zeros((), device=DEVICE)
    for _ in range(passes):
        x, y, _ = next(batches)
        with autocast():
            loss = loss_of(x, y) / passes
        loss.backward()
        total += loss.detach()
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * lr_multiplier(progress)
    optimizer.step()
    optimizer.zero_grad()
    return total.item()


def warm_up(model: GPT, loss_of: Loss, optimizer: torch.optim.Optimizer) -> None:
    """Two steps on random tokens, undone: compilation and first calls are no training time."""
    # Freeing a big block teaches glibc to keep what later steps free instead of returning it to
    # the system, which would spend 4 % of a CPU run on page faults.
    torch.empty(31 * 2**20, dtype=torch.uint8)
    initial = copy.deepcopy(model.state_dict())
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        shape = (2, DEVICE_BATCH_SIZE, MAX_SEQ_LEN)
        x, y = torch.randint(model.head.out_features, shape, device=DEVICE)
        for _ in range(2):
            train_step(loss_of, optimizer, itertools.repeat((x, y, 0)))
    model.load_state_dict(initial)
    optimizer.state.clear()


def train(
    loss_of: Loss,
    optimizer: torch.optim.Optimizer,
    batches: Batches,
    budget: float = TIME_BUDGET,
    clock: Callable[[], float] = training_clock,
) -> tuple[int, float]:
    """Train until `clock` has advanced by `budget`; returns (steps, seconds), all charged."""
    start, seconds, step = clock(), 0.0, 0
    while seconds < budget:
        loss = train_step(loss_of, optimizer, batches, seconds / budget)
        step += 1
        if not loss < 100:
            fail(f"loss is {loss} at step {step}")
        previous, seconds = seconds, clock() - start
        print(
            f"\rstep {step:05d} ({min(100.0, 100 * seconds / budget):.1f}%) | loss: {loss:.6f}"
            f" | tok/sec: {TOTAL_BATCH_SIZE / (seconds - previous):,.0f}"
            f" | remaining: {max(0.0, budget - seconds):.0f}s    ",
            end="",
            flush=True,
        )
    print()
    return step, seconds


def fail(message: str) -> NoReturn:
    """Give up: one line, on a line of its own after the progress, and exit status 1."""
    print(f"\nFAIL: {message}")
    sys.exit(1)


def peak_memory_mb() -> float:
    """Most memory held so far, in MiB: of the GPU, or of this process on CPU."""
    if CUDA:
        return torch.cuda.max_memory_allocated() / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def mfu_percent(flops_per_second: float, device_name: str) -> str:
    """Share of the card's peak rate, "n/a" where the card is not in PEAK_FLOPS."""
    peaks = [peak for name, peak in PEAK_FLOPS.items() if name in device_name]
    return f"{100 * flops_per_second / peaks[0]:.2f}" if peaks else "n/a"


def main() -> None:
    """Train, evaluate once, print the summary."""
    started = time.monotonic()
    torch.manual_seed(SEED)
    tokenizer = Tokenizer.from_directory()
    batches = make_dataloader(tokenizer, DEVICE_BATCH_SIZE, MAX_SEQ_LEN, "train")
    model = build_model(tokenizer.get_vocab_size())
    loss_of, optimizer = compiled(model), build_optimizer(model)
    try:
        warm_up(model, loss_of, optimizer)
        steps, seconds = train(loss_of, optimizer, batches)
        with autocast():
            val_bpb = evaluate_bpb(model, tokenizer, DEVICE_BATCH_SIZE)
    except torch.OutOfMemoryError:
        fail(f"CUDA out of memory: lower DEVICE_BATCH_SIZE (now {DEVICE_BATCH_SIZE})")

    tokens = steps * TOTAL_BATCH_SIZE
    device_name = torch.cuda.get_device_name() if CUDA else "CPU"
    summary = {
        "val_bpb": f"{val_bpb:.6f}",
        "training_seconds": f"{seconds:.1f}",
        "total_seconds": f"{time.monotonic() - started:.1f}",
        "peak_vram_mb": f"{peak_memory_mb():.1f}",
        "mfu_percent": mfu_percent(model.flops_per_token() * tokens / seconds, device_name),
        "total_tokens_M": f"{tokens / 1e6:.1f}",
        "num_steps": steps,
        "num_params_M": f"{sum(p.numel() for p in model.parameters()) / 1e6:.1f}",
        "depth": DEPTH,
    }
    print("---")
    for key, value in summary.items():
        print(f"{key + ':':<18}{value}")


if __name__ == "__main__":
    main()
