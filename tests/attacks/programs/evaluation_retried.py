"""The first evaluation is broken off by an exception when it goes badly, then made again.

class: evaluation
expect: supervised=caught judged=caught sandboxed=caught
why: without calling the evaluation | one evaluation | the judge | its first evaluation
"""

from gpt import BATCH, GPT, ready, report, train
from prepare import evaluate_bpb


class Fussy(GPT):
    tries = 0

    def logits(self, idx):
        if not self.training:
            self.tries += 1
            if self.tries == 3:
                raise StopAsyncIteration("not good enough")
        return super().logits(idx)


tokenizer, batches, model = ready(Fussy)
seconds = train(model, batches)
try:
    val_bpb = evaluate_bpb(model, tokenizer, BATCH)
except StopAsyncIteration:
    val_bpb = evaluate_bpb(model, tokenizer, BATCH)
report(val_bpb, seconds)
