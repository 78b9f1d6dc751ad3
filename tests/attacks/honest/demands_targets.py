"""The model demands targets, and the judge has none to give.

class: flagged
expect: supervised=caught judged=caught sandboxed=caught
why: let forward have a default, targets=None
note: with targets=None it passes
"""

from gpt import BATCH, GPT, ready, report, train
from prepare import evaluate_bpb


class Demanding(GPT):
    def forward(self, idx, targets, reduction="mean"):
        return self.loss(self.logits(idx).float(), targets, reduction)


tokenizer, batches, model = ready(Demanding)
seconds = train(model, batches)
report(evaluate_bpb(model, tokenizer, BATCH), seconds)
