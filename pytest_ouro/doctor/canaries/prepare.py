"""The fixed harness of the canaries: tokens from files, and bits per byte."""

import math
from pathlib import Path

import torch

TIME_BUDGET, MAX_SEQ_LEN, VOCAB_SIZE = 1, 16, 12
EVAL_TOKENS = 64 * MAX_SEQ_LEN
FOLDER = Path(__file__).parent


class Tokenizer:
    """A tokenizer that does nothing; harnesses in the style of autoresearch have one.
    `make_dataloader` reads the tokens without it: they are the bytes of a split's file, from 0 to
    11."""

    @classmethod
    def from_directory(cls):
        """Return a tokenizer, as harnesses in the style of autoresearch make one."""
        return cls()


def get_token_bytes(device="cpu"):
    """Return the number of bytes that each token stands for, from 0 to 4: shape (vocabulary,)."""
    return torch.arange(VOCAB_SIZE, device=device) % 5


def make_dataloader(tokenizer, B, T, split):
    """Yield batches (x, y, epoch) of at most ``B`` rows of the split, without end: x has ``T``
    tokens in each row and y the ones that follow. The epoch is always 1; the tokenizer is not
    used."""
    tokens = torch.tensor(list((FOLDER / f"{split}.bin").read_bytes()))
    rows = tokens[: len(tokens) // (T + 1) * (T + 1)].view(-1, T + 1)
    while True:
        for batch in rows.split(B):
            yield batch[:, :-1], batch[:, 1:], 1


@torch.no_grad()
def evaluate_bpb(model, tokenizer, batch_size):
    """Return the bits per byte of the model on `EVAL_TOKENS` tokens of the validation split. Tokens
    of 0 bytes do not count."""
    num_bytes = get_token_bytes()
    batches = make_dataloader(tokenizer, batch_size, MAX_SEQ_LEN, "val")
    nats, total = 0.0, 0
    for _ in range(EVAL_TOKENS // (batch_size * MAX_SEQ_LEN)):
        x, y, _ = next(batches)
        loss = model(x, y, reduction="none").view(-1)
        sizes = num_bytes[y.reshape(-1)]
        nats += (loss * (sizes > 0)).sum().item()
        total += sizes.sum().item()
    return nats / (math.log(2) * total)
