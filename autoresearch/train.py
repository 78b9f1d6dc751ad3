"""Train a small GPT for TIME_BUDGET seconds and print its val_bpb: the file to experiment with.

    python train.py          # after python prepare.py

The constants below are this file's only settings, each with one value per profile where the GPU
and the CPU want different ones. Everything here may change; prepare.py may not.
"""

import copy
import gc
import importlib.util
import itertools
import math
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

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
DTYPE = torch.bfloat16 if CUDA else torch.float32  # of activations; weights are float32

# Model
DEPTH = 8 if CUDA else 4  # layers
ASPECT_RATIO = 64 if CUDA else 16  # width = DEPTH * ASPECT_RATIO, rounded up to whole heads
HEAD_DIM = 128 if CUDA else 32
ROPE_BASE = 10_000.0
WINDOWS = "SSSL" if CUDA else "L"  # how far layers look, in turn: short or long; the last one long
VALUE_EMBEDDINGS = CUDA  # tables beside the embedding, added to every other layer's values
SHORTCUTS = CUDA  # the embedding is added before every layer
SOFT_CAP = 15.0 if CUDA else 0.0  # logits stay below it; 0 is none

# Optimization
DEVICE_BATCH_SIZE = 64 if CUDA else 4  # rows per forward pass: lower it when memory runs out
TOTAL_BATCH_SIZE = 262_144 if CUDA else 1_024  # tokens per step
EVALUATION_ROWS = min(16, DEVICE_BATCH_SIZE)  # logits of a row take 67 MB on CUDA
MUON = CUDA  # for the layers' matrices; AdamW for the rest
LEARNING_RATE = 3e-3
EMBEDDING_LR = 0.73 if CUDA else LEARNING_RATE
MATRIX_LR = 0.04 if CUDA else LEARNING_RATE
HEAD_LR = 0.005 if CUDA else LEARNING_RATE
RESIDUAL_LR = 0.005
SHORTCUT_LR = 0.5
BETAS = (0.8, 0.95) if CUDA else (0.9, 0.95)
EPSILON = 1e-10 if CUDA else 1e-8
WEIGHT_DECAY = 0.2 if CUDA else 0.0  # of what Muon updates, else of all; falls to zero
WARMDOWN_RATIO = 0.5  # closing share of the budget in which the learning rate falls to zero
SEED = 42

# Dense bf16 FLOP/s of the cards that call themselves so
PEAK_FLOPS = {
    "NVIDIA H100 80GB HBM3": 989.5e12,
    "NVIDIA H200": 989.5e12,
    "NVIDIA B200": 2250e12,
    "NVIDIA A100-SXM4-40GB": 312e12,
    "NVIDIA A100-SXM4-80GB": 312e12,
    "NVIDIA A100-PCIE-40GB": 312e12,
    "NVIDIA A100 80GB PCIe": 312e12,
}

Batch = tuple[torch.Tensor, torch.Tensor, int]  # inputs, targets, epoch
# y of (q, k, v, window), all (B, H, T, D): a query sees its own and the `window` keys before it
Attend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, int], torch.Tensor]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # mean loss of inputs and targets


def norm(x: torch.Tensor) -> torch.Tensor:
    """RMSNorm over the last dimension, without a gain."""
    return F.rms_norm(x, x.shape[-1:])


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary positions: turn the pairs (x[i], x[i + D/2]) of (..., T, D) by the angles (T, D/2)."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


def attend_fully(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, window: int) -> torch.Tensor:
    """Causal attention without a window: a mask for it would cost more than the window saves."""
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


class FlexAttention:
    """Causal windows by compiled flex_attention; a mask is made once per window and length."""

    def __init__(self, windows: Iterable[int], sequence_len: int) -> None:
        from torch.nn.attention import flex_attention as flex

        self._create_mask = flex.create_block_mask
        self._attend = torch.compile(flex.flex_attention, dynamic=False)
        self._masks = {(w, sequence_len): self._mask(w, sequence_len) for w in set(windows)}

    def __call__(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, window: int
    ) -> torch.Tensor:
        key = (window, q.shape[2])
        if key not in self._masks:
            self._masks[key] = self._mask(*key)
        return self._attend(q, k, v, block_mask=self._masks[key])

    def _mask(self, window: int, length: int) -> Any:
        def is_seen(b: Any, h: Any, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
            return (key <= query) & (query - key <= window)

        return self._create_mask(is_seen, None, None, length, length, device=DEVICE)


def attend_by_flash(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, window: int) -> torch.Tensor:
    """Causal windows by FlashAttention, once torch has been switched to an installed one."""
    from torch.nn.attention.varlen import varlen_attn

    rows, _, length, _ = q.shape
    ends = torch.arange(0, (rows + 1) * length, length, dtype=torch.int32, device=q.device)
    q, k, v = (x.transpose(1, 2).flatten(0, 1) for x in (q, k, v))  # (B * T, H, D)
    sides = (window if window < length else -1, 0)
    y = varlen_attn(q, k, v, ends, ends, length, length, window_size=sides)
    return y.unflatten(0, (rows, length)).transpose(1, 2)


def switch_to_flash() -> bool:
    """Let torch use FlashAttention 3 or 4, if one is installed and works here."""
    from torch.nn import attention

    generation, _ = torch.cuda.get_device_capability()
    for name in {9: ("FA3", "FA4"), 10: ("FA4",)}.get(generation, ()):
        words = f"{name} does not work here, so another attention is taken:"
        try:
            attention.activate_flash_attention_impl(name)
        except (AttributeError, ModuleNotFoundError, ValueError):
            continue  # torch does not know it, or its package is not installed
        except (ImportError, RuntimeError) as error:
            print(words, repr(error))
            continue
        x = torch.ones(1, 2, 256, HEAD_DIM, device=DEVICE, dtype=DTYPE, requires_grad=True)
        try:
            attend_by_flash(x, x, x, 128).sum().backward()
        except RuntimeError as error:  # what torch raises, such as for no backward with a window
            print(words, repr(error))
            attention.restore_flash_attention_impl()
        else:
            return True
    return False


def best_attention(windows: Sequence[int], sequence_len: int) -> Attend:
    """The fastest that is installed; nothing is fetched. The last resort ignores the windows."""
    if not CUDA:
        return attend_fully
    if switch_to_flash():
        return attend_by_flash
    if importlib.util.find_spec("triton"):
        return FlexAttention(windows, sequence_len)
    return attend_fully


class Attention(nn.Module):
    """Causal self-attention with rotary positions and normalised queries and keys."""

    def __init__(
        self, width: int, head_dim: int, attend: Attend, window: int, gated: bool = False
    ) -> None:
        """`gated`: how much of the value embeddings is added, each head sees from its input."""
        super().__init__()
        self.head_dim, self.attend, self.window = head_dim, attend, window
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        nn.init.zeros_(self.out.weight)
        self.gate = nn.Linear(min(32, width), width // head_dim, bias=False) if gated else None
        if self.gate is not None:
            nn.init.zeros_(self.gate.weight)

    def forward(
        self,
        x: torch.Tensor,
        cos: torch.Tensor,
        sin: torch.Tensor,
        values: torch.Tensor | None = None,
    ) -> torch.Tensor:
        heads = self.qkv(x).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)  # (B, 3H, T, D)
        q, k, v = heads.chunk(3, dim=1)
        if values is not None and self.gate is not None:
            shares = 2 * torch.sigmoid(self.gate(x[..., : self.gate.in_features]))  # (B, T, H)
            values = shares.unsqueeze(-1) * values.unflatten(-1, (-1, self.head_dim))
            v = v + values.transpose(1, 2).to(v.dtype)
        q, k = rotate(norm(q), cos, sin).to(v.dtype), rotate(norm(k), cos, sin).to(v.dtype)
        y = self.attend(q, k, v, self.window)
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

    def __init__(self, width: int, attention: Attention) -> None:
        super().__init__()
        self.attention = attention
        self.mlp = MLP(width)

    def forward(
        self,
        x: torch.Tensor,
        cos: torch.Tensor,
        sin: torch.Tensor,
        values: torch.Tensor | None = None,
    ) -> torch.Tensor:
        x = x + self.attention(norm(x), cos, sin, values)
        return x + self.mlp(norm(x))


class GPT(nn.Module):
    """A decoder-only transformer whose head is separate from its embedding."""

    cos: torch.Tensor
    sin: torch.Tensor

    def __init__(
        self,
        vocab_size: int,
        width: int,
        head_dim: int,
        sequence_len: int,
        windows: Sequence[int],
        attend: Attend,
    ) -> None:
        """One layer for each of `windows`."""
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, width)
        nn.init.normal_(self.embedding.weight, std=0.02)  # small, so that AdamW moves it soon
        depth = len(windows)
        gated = [VALUE_EMBEDDINGS and (depth - layer) % 2 == 1 for layer in range(depth)]
        self.blocks = nn.ModuleList(
            Block(width, Attention(width, head_dim, attend, window, gate))
            for window, gate in zip(windows, gated, strict=True)
        )
        self.head = nn.Linear(width, vocab_size, bias=False)
        self.values = nn.ModuleDict(
            {str(layer): nn.Embedding(vocab_size, width) for layer in range(depth) if gated[layer]}
        )
        self.residual = nn.Parameter(torch.ones(depth)) if SHORTCUTS else None
        self.shortcut = nn.Parameter(torch.full((depth,), 0.1)) if SHORTCUTS else None
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
        with autocast():
            logits = self.head(norm(self.features(idx))).float()
        if SOFT_CAP:
            logits = SOFT_CAP * torch.tanh(logits / SOFT_CAP)
        if targets is None:
            return logits
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction=reduction)

    def features(self, idx: torch.Tensor) -> torch.Tensor:
        """What the layers make of tokens: (B, T, width)."""
        x = embedded = norm(self.embedding(idx)).to(DTYPE)
        cos, sin = self.cos[: idx.shape[1]], self.sin[: idx.shape[1]]
        for layer, block in enumerate(self.blocks):
            if self.residual is not None and self.shortcut is not None:
                x = self.residual[layer] * x + self.shortcut[layer] * embedded
            name = str(layer)
            x = block(x, cos, sin, self.values[name](idx) if name in self.values else None)
        return x

    def flops_per_token(self) -> int:
        """Floating-point operations of training on one token, by the convention of MFU figures.

        Six per weight that multiplies, and attention as if nothing in its window were masked.
        """
        matrices = [*self.blocks.parameters(), self.head.weight]
        sequence_len, width = len(self.cos), self.embedding.embedding_dim
        layers = [block.attention for block in self.blocks]
        seen = [
            sequence_len if a.attend is attend_fully else min(a.window, sequence_len)
            for a in layers
        ]
        return 6 * sum(p.numel() for p in matrices) + 12 * width * sum(seen)


def layer_windows() -> list[int]:
    """For each layer how many tokens before its own it sees: half of the context, or all."""
    short = [WINDOWS[layer % len(WINDOWS)] == "S" for layer in range(DEPTH - 1)]
    return [MAX_SEQ_LEN // 2 if is_short else MAX_SEQ_LEN for is_short in [*short, False]]


def build_model(vocab_size: int) -> GPT:
    """The model that the constants above describe, on DEVICE."""
    heads, windows = math.ceil(DEPTH * ASPECT_RATIO / HEAD_DIM), layer_windows()
    attend = best_attention(windows, MAX_SEQ_LEN)
    model = GPT(vocab_size, heads * HEAD_DIM, HEAD_DIM, MAX_SEQ_LEN, windows, attend)
    if MUON:
        initialize(model)
    return model.to(DEVICE)


@torch.no_grad()
def initialize(model: GPT) -> None:
    """Starting weights that go with Muon and its high learning rates."""
    spread = math.sqrt(3 / model.embedding.embedding_dim)
    nn.init.normal_(model.embedding.weight)
    nn.init.normal_(model.head.weight, std=0.001)
    for table in model.values.values():
        nn.init.uniform_(table.weight, -spread, spread)
    for block in model.blocks:
        for weight in (block.attention.qkv.weight, block.mlp.up.weight):
            nn.init.uniform_(weight, -spread, spread)


# Five rounds of a polynomial that send singular values to 1 ("Polar Express", arXiv 2505.16932)
POLYNOMIALS = (
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)


def orthogonal(x: torch.Tensor) -> torch.Tensor:
    """The matrices (..., rows, columns) with all their singular values near 1."""
    is_tall = x.shape[-2] > x.shape[-1]
    x = (x.mT if is_tall else x).to(DTYPE)
    x = x / (1.02 * x.norm(dim=(-2, -1), keepdim=True) + 1e-6)
    for a, b, c in POLYNOMIALS:
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return (x.mT if is_tall else x).float()


def muon_update(
    weights: torch.Tensor,
    gradients: torch.Tensor,
    momenta: torch.Tensor,
    variances: torch.Tensor,
    momentum: torch.Tensor,
    lr: torch.Tensor,
    decay: torch.Tensor,
) -> None:
    """One step of Muon on matrices (n, rows, columns) of one shape; all but scalars in place.

    The rows (or columns, the more numerous) are scaled by their running mean square, which leaves
    the norm of the whole as it is (NorMuon); weights decay only where the step shrinks them too.
    """
    momenta.lerp_(gradients, 1 - momentum)
    step = orthogonal(gradients.lerp(momenta, momentum))
    size = step.norm(dim=(-2, -1), keepdim=True)
    across = -1 if weights.shape[-2] >= weights.shape[-1] else -2
    variances.lerp_(step.square().mean(across, keepdim=True), 0.05)
    step = step * variances.clamp_min(1e-10).rsqrt()
    step = step * size / step.norm(dim=(-2, -1), keepdim=True).clamp_min(1e-10)
    weights.sub_(lr * (step + decay * weights * (step * weights >= 0)))


class Muon(torch.optim.Optimizer):
    """Momentum made orthogonal, for matrices. Each group has matrices of one shape.

    A group's `parts` says of how many matrices, one above the other, each parameter consists.
    """

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        super().__init__(groups, {})
        self._update = torch.compile(muon_update, dynamic=False) if CUDA else muon_update

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override] # without a closure
        for group in self.param_groups:
            params, parts = group["params"], group["parts"]
            weights = torch.cat([p.unflatten(0, (parts, -1)) for p in params])
            gradients = torch.cat([p.grad.unflatten(0, (parts, -1)) for p in params])
            rows, columns = weights.shape[1:]
            state = self.state[params[0]]
            if not state:
                state["steps"] = 0
                state["momenta"] = torch.zeros_like(weights)
                state["variances"] = weights.new_zeros(
                    (len(weights), rows, 1) if rows >= columns else (len(weights), 1, columns)
                )
            momentum = 0.85 + 0.1 * min(1.0, state["steps"] / 300)
            state["steps"] += 1
            lr = group["lr"] * max(1.0, rows / columns) ** 0.5
            # Tensors, because a number that changes would be compiled anew.
            scalars = map(torch.tensor, (momentum, lr, group["weight_decay"]))
            self._update(weights, gradients, state["momenta"], state["variances"], *scalars)
            for p, weight in zip(params, weights.split(parts), strict=True):
                p.copy_(weight.flatten(0, 1))


def build_optimizers(model: GPT) -> list[torch.optim.Optimizer]:
    """AdamW, with a learning rate for each kind of weight, and Muon for matrices where it is on."""
    groups = [{"params": model.embedding.parameters(), "initial_lr": EMBEDDING_LR}]
    if not MUON:
        groups.append({"params": model.blocks.parameters(), "initial_lr": MATRIX_LR})
    groups.append({"params": model.head.parameters(), "initial_lr": HEAD_LR})
    if VALUE_EMBEDDINGS:
        groups.append({"params": model.values.parameters(), "initial_lr": EMBEDDING_LR})
    if SHORTCUTS:
        groups.append({"params": [model.residual], "initial_lr": RESIDUAL_LR})
        groups.append(
            {"params": [model.shortcut], "initial_lr": SHORTCUT_LR, "betas": (0.96, 0.95)}
        )
    for group in groups:
        group["initial_decay"] = 0.0 if MUON else WEIGHT_DECAY
    adamw = torch.optim.AdamW(groups, betas=BETAS, eps=EPSILON, weight_decay=0.0, fused=True)
    return [adamw, Muon(muon_groups(model))] if MUON else [adamw]


def muon_groups(model: GPT) -> list[dict[str, Any]]:
    """The matrices of all layers, those of one kind together."""
    layers = [(block.attention, block.mlp) for block in model.blocks]
    kinds = [
        (3, [attention.qkv.weight for attention, _ in layers]),
        (1, [attention.out.weight for attention, _ in layers]),
        (1, [mlp.up.weight for _, mlp in layers]),
        (1, [mlp.down.weight for _, mlp in layers]),
        (1, [attention.gate.weight for attention, _ in layers if attention.gate is not None]),
    ]
    return [
        {"params": params, "parts": parts, "initial_lr": MATRIX_LR, "initial_decay": WEIGHT_DECAY}
        for parts, params in kinds
        if params
    ]


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
    loss_of: Loss,
    optimizers: Sequence[torch.optim.Optimizer],
    batch: Batch,
    batches: Iterator[Batch],
    progress: float = 0.0,
) -> tuple[float, Batch]:
    """One step on TOTAL_BATCH_SIZE tokens, from `batch` on; their mean loss in nats, and the
    batch after them, which is made while a GPU still works."""
    passes = accumulation_steps()
    total = torch.zeros((), device=DEVICE)
    for _ in range(passes):
        x, y, _ = batch
        loss = loss_of(x, y) / passes
        loss.backward()
        total += loss.detach()
        batch = next(batches)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * lr_multiplier(progress)
            group["weight_decay"] = group["initial_decay"] * (1.0 - progress)
        optimizer.step()
        optimizer.zero_grad()
    return total.item(), batch


def warm_up(model: GPT, loss_of: Loss, optimizers: Sequence[torch.optim.Optimizer]) -> None:
    """Steps on random tokens, undone: compilation and first calls are no training time."""
    # Freeing a big block teaches glibc to keep what later steps free instead of returning it to
    # the system, which would spend 4 % of a CPU run on page faults.
    torch.empty(31 * 2**20, dtype=torch.uint8)
    initial = copy.deepcopy(model.state_dict())
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        shape = (2, DEVICE_BATCH_SIZE, MAX_SEQ_LEN)
        x, y = torch.randint(model.head.out_features, shape, device=DEVICE)
        dummy = (x, y, 0)
        for _ in range(3 if CUDA else 2):
            train_step(loss_of, optimizers, dummy, itertools.repeat(dummy))
        if CUDA:
            with torch.no_grad():
                # As evaluation will call it, uncompiled: flex_attention is compiled by itself.
                model(x[:EVALUATION_ROWS], y[:EVALUATION_ROWS], reduction="none")
    model.load_state_dict(initial)
    for optimizer in optimizers:
        optimizer.state.clear()
    if CUDA:  # the collector's pauses of half a second cost more than what it would free
        gc.collect()
        gc.freeze()
        gc.disable()


def train(
    loss_of: Loss,
    optimizers: Sequence[torch.optim.Optimizer],
    batches: Iterator[Batch],
    budget: float = TIME_BUDGET,
    clock: Callable[[], float] = training_clock,
) -> tuple[int, float]:
    """Train until `clock` has advanced by `budget`; returns (steps, seconds), all charged."""
    start, seconds, step = clock(), 0.0, 0
    batch = next(batches)
    while seconds < budget:
        loss, batch = train_step(loss_of, optimizers, batch, batches, seconds / budget)
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
    peak = PEAK_FLOPS.get(device_name)
    return f"{100 * flops_per_second / peak:.2f}" if peak else "n/a"


def main() -> None:
    """Train, evaluate once, print the summary."""
    started = time.monotonic()
    torch.manual_seed(SEED)
    torch.set_float32_matmul_precision("high")  # TF32 for what is not bfloat16; no matter on CPU
    tokenizer = Tokenizer.from_directory()
    batches = make_dataloader(tokenizer, DEVICE_BATCH_SIZE, MAX_SEQ_LEN, "train")
    model = build_model(tokenizer.get_vocab_size())
    loss_of, optimizers = compiled(model), build_optimizers(model)
    try:
        warm_up(model, loss_of, optimizers)
        steps, seconds = train(loss_of, optimizers, batches)
        val_bpb = evaluate_bpb(model.eval(), tokenizer, EVALUATION_ROWS)
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
