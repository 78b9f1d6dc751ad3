"""The model of the canaries: the frequencies of the next token after each token."""

import torch
from prepare import MAX_SEQ_LEN, VOCAB_SIZE, Tokenizer, evaluate_bpb, make_dataloader
from torch.nn import functional


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.counts = torch.nn.Parameter(torch.ones(VOCAB_SIZE, VOCAB_SIZE))

    def forward(self, x, targets=None, reduction="mean"):
        logits = self.predict(x)
        if targets is None:
            return logits
        flat = logits.reshape(-1, VOCAB_SIZE)
        return functional.cross_entropy(flat, targets.reshape(-1), reduction=reduction)

    def predict(self, x):
        return self.counts[x].log()


def train(model):
    """Train the model on some batches of the training split, and return it."""
    batches = make_dataloader(Tokenizer.from_directory(), 8, MAX_SEQ_LEN, "train")
    with torch.no_grad():
        for _ in range(16):
            x, y, _ = next(batches)
            ones = torch.ones(x.numel())
            model.counts.index_put_((x.reshape(-1), y.reshape(-1)), ones, accumulate=True)
    return model


def report(model):
    """Evaluate once, and print the summary."""
    val_bpb = evaluate_bpb(model, Tokenizer.from_directory(), 8)
    print(f"val_bpb: {val_bpb:.6f}")
