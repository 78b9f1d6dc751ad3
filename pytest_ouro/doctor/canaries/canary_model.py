"""The model of the canaries: the frequencies of the next token after each token."""

import torch
from prepare import MAX_SEQ_LEN, VOCAB_SIZE, Tokenizer, evaluate_bpb, make_dataloader
from torch.nn import functional


class Model(torch.nn.Module):
    """A model whose logits are the logarithms of counts: ``counts[a, b]`` is how often token b
    followed token a, plus 1."""

    def __init__(self):
        super().__init__()
        self.counts = torch.nn.Parameter(torch.ones(VOCAB_SIZE, VOCAB_SIZE))

    def forward(self, x, targets=None, reduction="mean"):
        """Return the logits for the tokens ``x`` of shape (rows, tokens). With ``targets``, the
        next tokens in the same shape, return the cross-entropy in nats instead: its mean in a
        tensor without dimensions, or, for the reduction "none", one value for each token in one
        dimension."""
        logits = self.predict(x)
        if targets is None:
            return logits
        flat = logits.reshape(-1, VOCAB_SIZE)
        return functional.cross_entropy(flat, targets.reshape(-1), reduction=reduction)

    def predict(self, x):
        """Return the logits of the next token after each token of ``x``: shape (rows, tokens,
        vocabulary). `forward` calls this; the cheats `future` and `answers` override it."""
        return self.counts[x].log()


def train(model):
    """Count the pairs of tokens in 16 batches of 8 rows of the training split; return the model."""
    batches = make_dataloader(Tokenizer.from_directory(), 8, MAX_SEQ_LEN, "train")
    with torch.no_grad():
        for _ in range(16):
            x, y, _ = next(batches)
            ones = torch.ones(x.numel())
            model.counts.index_put_((x.reshape(-1), y.reshape(-1)), ones, accumulate=True)
    return model


def report(model):
    """Evaluate the model once, and print the metric as ``val_bpb: 1.234567``."""
    val_bpb = evaluate_bpb(model, Tokenizer.from_directory(), 8)
    print(f"val_bpb: {val_bpb:.6f}")
