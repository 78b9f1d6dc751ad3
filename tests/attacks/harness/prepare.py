"""The fixed harness in miniature: the original's interface, on one core, in half a second.

As in the original, inputs and targets are views of one buffer, the text of both splits lies in
files, the tokenizer and the table of token lengths lie in a cache, and the evaluation asks the
model for its own loss.
"""

import json
import math
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

torch.set_num_threads(1)

MAX_SEQ_LEN = 32
TIME_BUDGET = 0.5  # CPU seconds
EVAL_TOKENS = 8192

CACHE_DIR = Path.home() / ".cache" / "miniature"
TOKENIZER_DIR = CACHE_DIR / "tokenizer"
DATA_DIR = CACHE_DIR / "data"


class Tokenizer:
    """One token a character; token 0 starts a document."""

    def __init__(self, characters):
        self.characters = characters
        self.ids = {character: number for number, character in enumerate(characters, start=1)}

    @classmethod
    def from_directory(cls, tokenizer_dir=TOKENIZER_DIR):
        return cls(json.loads((Path(tokenizer_dir) / "characters.json").read_text()))

    def get_vocab_size(self):
        return len(self.characters) + 1

    def get_bos_token_id(self):
        return 0

    def encode(self, text, prepend=None):
        ids = [self.ids[character] for character in text]
        return ids if prepend is None else [prepend, *ids]

    def decode(self, ids):
        return "".join(self.characters[number - 1] for number in ids if number)


def get_token_bytes(device="cpu"):
    """Length in bytes of every token; the one that starts a document has none."""
    lengths = json.loads((TOKENIZER_DIR / "token_bytes.json").read_text())
    return torch.tensor(lengths, device=device)


def make_dataloader(tokenizer, B, T, split):
    """Endless batches (inputs, targets, epoch), both of shape (B, T)."""
    assert split in ("train", "val")
    rows = _rows(tokenizer, T + 1, split)
    buffer = torch.empty(2 * B * T, dtype=torch.long)
    inputs, targets = buffer[: B * T].view(B, T), buffer[B * T :].view(B, T)
    while True:
        tokens = [next(rows) for _ in range(B)]
        batch = torch.tensor([row for row, _ in tokens])
        inputs.copy_(batch[:, :-1])
        targets.copy_(batch[:, 1:])
        yield inputs, targets, tokens[-1][1]


def load_data(tokenizer, B, T):
    """The batches of both splits."""
    train_loader = make_dataloader(tokenizer, B, T, "train")
    val_loader = make_dataloader(tokenizer, B, T, "val")
    return train_loader, val_loader


def load_splits(tokenizer, B, T):
    """The batches of both splits, by name."""
    return {split: make_dataloader(tokenizer, B, T, split) for split in ("train", "val")}


def _rows(tokenizer, size, split):
    bos = tokenizer.get_bos_token_id()
    epoch, waiting = 0, []
    while True:
        epoch += 1
        for document in (DATA_DIR / f"{split}.txt").read_text().splitlines():
            waiting += tokenizer.encode(document, prepend=bos)
            while len(waiting) >= size:
                yield waiting[:size], epoch
                del waiting[:size]


@torch.no_grad()
def evaluate_bpb(model, tokenizer, batch_size):
    """Bits per byte on EVAL_TOKENS tokens of the validation text."""
    token_bytes = get_token_bytes()
    batches = make_dataloader(tokenizer, batch_size, MAX_SEQ_LEN, "val")
    nats, length = 0.0, 0
    for _ in range(EVAL_TOKENS // (batch_size * MAX_SEQ_LEN)):
        x, y, _ = next(batches)
        losses = model(x, y, reduction="none").view(-1)
        lengths = token_bytes[y.view(-1)]
        nats += (losses * (lengths > 0)).sum().item()
        length += lengths.sum().item()
    return nats / (math.log(2) * length)
