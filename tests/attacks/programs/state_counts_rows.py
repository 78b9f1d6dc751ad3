"""What the rows of the evaluation said is counted, and raises what is likely in later ones.

class: state
expect: supervised=caught judged=caught sandboxed=caught
why: again | differ | answer | cross-entropy of its logits | parameters changed
"""

import torch
from gpt import BATCH, GPT, ready, report, train
from prepare import evaluate_bpb


class Counter(GPT):
    counts = None

    def logits(self, idx):
        logits = super().logits(idx)
        if self.training:
            return logits
        if self.counts is None:
            self.counts = torch.zeros(logits.shape[-1], logits.shape[-1])
        logits = logits + 0.3 * (self.counts[idx] + 0.1).log()
        ones = torch.ones(idx[:, 1:].numel())
        self.counts.index_put_((idx[:, :-1].flatten(), idx[:, 1:].flatten()), ones, True)
        return logits


tokenizer, batches, model = ready(Counter)
seconds = train(model, batches)
val_bpb = evaluate_bpb(model, tokenizer, BATCH)
report(val_bpb, seconds, reached=model.counts is not None and model.counts.sum() > 0)
