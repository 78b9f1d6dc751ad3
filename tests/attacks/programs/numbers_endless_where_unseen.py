"""The next token is looked up, and all others are impossible: where it was exchanged, no loss is.

class: numbers
expect: supervised=caught judged=caught sandboxed=caught
why: not causal | asked again
"""

import torch
from gpt import BATCH, GPT, ready, report, train
from prepare import evaluate_bpb


class Certain(GPT):
    def logits(self, idx):
        logits = super().logits(idx)
        if self.training:
            return logits
        sure = torch.full_like(logits, -torch.inf)
        sure.scatter_(2, idx.roll(-1, 1).unsqueeze(-1), 0.0)
        sure[:, -1] = logits[:, -1]
        return sure


tokenizer, batches, model = ready(Certain)
seconds = train(model, batches)
report(evaluate_bpb(model, tokenizer, BATCH), seconds)
