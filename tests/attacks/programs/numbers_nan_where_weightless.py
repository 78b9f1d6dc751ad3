"""The next token is looked up, and where it has no bytes, which nobody scores, there is no number.

class: numbers
expect: supervised=caught judged=caught sandboxed=caught
why: not causal | val_bpb is nan
"""

import torch
from gpt import BATCH, GPT, ready, report, surely, train
from prepare import evaluate_bpb


class Silencing(GPT):
    def logits(self, idx):
        logits = super().logits(idx)
        if self.training:
            return logits
        after = idx[:, 1:]
        logits[:, :-1] += surely(after, logits.shape[-1])
        logits[:, :-1][after == 0] = torch.nan
        return logits


tokenizer, batches, model = ready(Silencing)
seconds = train(model, batches)
report(evaluate_bpb(model, tokenizer, BATCH), seconds)
