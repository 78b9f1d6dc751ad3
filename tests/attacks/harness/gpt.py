"""What the programs share: a small model, its training, its summary. Fixed, as the harness is."""

import math
import os
import time
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
from prepare import MAX_SEQ_LEN, TIME_BUDGET, Tokenizer, make_dataloader

BATCH = 32
WIDTH = 32


class Attention(nn.Module):
    """Self-attention with two heads, causal unless it is given another mask."""

    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, x, mask=None):
        q, k, v = self.qkv(x).unflatten(-1, (6, WIDTH // 2)).transpose(1, 2).chunk(3, dim=1)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        return self.out(y.transpose(1, 2).flatten(2))


class GPT(nn.Module):
    """One layer; logits without targets, their loss with targets."""

    def __init__(self, vocabulary):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, WIDTH)
        self.positions = nn.Parameter(torch.zeros(MAX_SEQ_LEN, WIDTH))
        self.attention = Attention()
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH)
        )
        self.head = nn.Linear(WIDTH, vocabulary)
        self.bigrams = nn.Embedding(vocabulary, vocabulary)
        nn.init.zeros_(self.bigrams.weight)

    def hidden(self, idx):
        x = self.embedding(idx) + self.positions[: idx.shape[1]]
        x = x + self.attention(F.rms_norm(x, (WIDTH,)))
        return x + self.mlp(F.rms_norm(x, (WIDTH,)))

    def logits(self, idx):
        return self.head(F.rms_norm(self.hidden(idx), (WIDTH,))) + self.bigrams(idx)

    def loss(self, logits, targets, reduction):
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction=reduction)

    def forward(self, idx, targets=None, reduction="mean"):
        logits = self.logits(idx).float()
        return logits if targets is None else self.loss(logits, targets, reduction)


def surely(tokens, vocabulary):
    """Logits of whoever is nearly sure of these tokens."""
    return 9.0 * F.one_hot(tokens, vocabulary).float()


class Adam:
    """Adam with weights decided by its groups; torch's own takes a second to import."""

    def __init__(self, parameters, lr=2e-2, betas=(0.9, 0.95)):
        self.parameters, self.lr, self.betas, self.steps = list(parameters), lr, betas, 0
        self.means = [torch.zeros_like(p) for p in self.parameters]
        self.squares = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self):
        self.steps += 1
        first, second = self.betas
        size = self.lr * math.sqrt(1 - second**self.steps) / (1 - first**self.steps)
        for p, mean, square in zip(self.parameters, self.means, self.squares):
            if p.grad is not None:
                mean.lerp_(p.grad, 1 - first)
                square.mul_(second).addcmul_(p.grad, p.grad, value=1 - second)
                p.addcdiv_(mean, square.sqrt().add_(1e-8), value=-size)
                p.grad = None


def ready(model_class=GPT):
    """(tokenizer, training batches, model): how every program begins."""
    torch.manual_seed(42)
    tokenizer = Tokenizer.from_directory()
    batches = make_dataloader(tokenizer, BATCH, MAX_SEQ_LEN, "train")
    return tokenizer, batches, model_class(tokenizer.get_vocab_size())


def step(model, optimizer, x, y):
    """One step of training."""
    loss = model(x, y)
    loss.backward()
    optimizer.step()
    return loss.item()


def train(model, batches, seconds=TIME_BUDGET, after=lambda: None, schedule=lambda done: 1 - done):
    """Train for CPU seconds while the learning rate falls to zero; returns the seconds spent."""
    optimizer = Adam(model.parameters())
    rate, start, spent = optimizer.lr, time.process_time(), 0.0
    while spent < seconds:
        x, y, _ = next(batches)
        optimizer.lr = rate * schedule(spent / seconds)
        step(model, optimizer, x, y)
        after()
        spent = time.process_time() - start
    model.eval()
    return spent


def report(val_bpb, seconds=None, reached=None):
    """Print the summary; ``reached`` says whether an attack got what it wanted."""
    print("---")
    print(f"val_bpb:          {val_bpb:.6f}")
    if seconds is not None:
        print(f"training_seconds: {seconds:.1f}")
    print("peak_vram_mb:     1.0")
    if reached is not None:
        print(f"reached:          {'yes' if reached else 'no'}")


class Memory(nn.Module):
    """A model that knows a text by heart: it tells what followed the same ten tokens."""

    def __init__(self, model, tokenizer, text):
        super().__init__()
        self.model, self.vocabulary, self.known = model, tokenizer.get_vocab_size(), {}
        stream = [i for document in text.splitlines() for i in tokenizer.encode(document, 0)]
        for end in range(10, len(stream)):
            self.known[tuple(stream[end - 10 : end])] = stream[end]

    def forward(self, idx, targets=None, reduction="mean"):
        logits = self.model(idx).clone()
        for row, tokens in enumerate(idx.tolist()):
            for end in range(10, len(tokens) + 1):
                token = self.known.get(tuple(tokens[end - 10 : end]))
                if token is not None:
                    logits[row, end - 1, token] += 10.0
        return logits if targets is None else self.model.loss(logits, targets, reduction)


def supervisor():
    """The process that keeps the clock: the parent of our subreaper."""
    stat = Path(f"/proc/{os.getppid()}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])
