"""The garbage collector names every tensor: the targets are the inputs, one place on.

class: targets
expect: supervised=caught judged=neutralised sandboxed=neutralised
why: not causal
"""

import gc

import torch
from gpt import BATCH, GPT, ready, report, surely, train
from prepare import evaluate_bpb


def shifted(idx):
    for found in gc.get_objects():
        alike = type(found) is torch.Tensor and found.shape == idx.shape
        if alike and torch.equal(found[:, :-1], idx[:, 1:]):
            return found
    return None


class Collector(GPT):
    def logits(self, idx):
        logits = super().logits(idx)
        targets = None if self.training else shifted(idx)
        return logits if targets is None else logits + surely(targets, logits.shape[-1])


tokenizer, batches, model = ready(Collector)
seconds = train(model, batches)
report(evaluate_bpb(model, tokenizer, BATCH), seconds)
