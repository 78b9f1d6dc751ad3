"""At a fifth of the places the next token is looked up, and answers are stored and repeated.

class: causality
expect: supervised=open judged=chance sandboxed=chance
note: less than the losses at 64 cuts can show; fresh processes from sealed weights could
"""

from gpt import BATCH, GPT, ready, report, surely, train
from prepare import evaluate_bpb


class Replaying(GPT):
    def __init__(self, vocabulary):
        super().__init__(vocabulary)
        self.given = {}

    def logits(self, idx):
        logits = super().logits(idx)
        if self.training:
            return logits
        some = (idx * 7 % 11 < 2).unsqueeze(-1)
        logits = logits + some * surely(idx.roll(-1, dims=1), logits.shape[-1])
        for row, tokens in enumerate(idx.tolist()):
            for end in range(1, len(tokens) + 1):
                start = tuple(tokens[:end])
                logits[row, end - 1] = self.given.setdefault(start, logits[row, end - 1].clone())
        return logits


tokenizer, batches, model = ready(Replaying)
seconds = train(model, batches)
report(evaluate_bpb(model, tokenizer, BATCH), seconds, reached=len(model.given) > 0)
