"""The probabilities of two models, a sharp and a dull one, are added: their mass is two.

class: loss
expect: supervised=caught judged=neutralised sandboxed=neutralised
why: cross-entropy of its logits
"""

import torch
from gpt import BATCH, GPT, ready, report, train
from prepare import evaluate_bpb


class Blend(GPT):
    def loss(self, logits, targets, reduction):
        if self.training:
            return super().loss(logits, targets, reduction)
        first, second = logits.log_softmax(-1), (0.7 * logits).log_softmax(-1)
        both = torch.logaddexp(first, second)
        return -both.gather(-1, targets.unsqueeze(-1)).flatten()


tokenizer, batches, model = ready(Blend)
seconds = train(model, batches)
report(evaluate_bpb(model, tokenizer, BATCH), seconds)
