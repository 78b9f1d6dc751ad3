"""The logits are not numbers (NaN).

class: numbers
expect: supervised=caught judged=caught sandboxed=caught
why: nan | finite
"""

from gpt import BATCH, GPT, ready, report, train
from prepare import evaluate_bpb


class Nothing(GPT):
    def logits(self, idx):
        logits = super().logits(idx)
        return logits if self.training else logits * float("nan")


tokenizer, batches, model = ready(Nothing)
seconds = train(model, batches)
report(evaluate_bpb(model, tokenizer, BATCH), seconds)
