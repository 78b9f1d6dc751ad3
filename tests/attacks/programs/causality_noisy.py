"""The next token is made a little likelier, and all losses are shaken as rounding might.

class: causality
expect: supervised=open judged=chance sandboxed=chance
note: a gain below what rounding may hide, which is bounded; certainty needs fresh processes
"""

from gpt import BATCH, GPT, ready, report, surely, train
from prepare import evaluate_bpb


class Noisy(GPT):
    looked = False

    def logits(self, idx):
        logits = super().logits(idx)
        if self.training:
            return logits
        self.looked = True
        following = idx.roll(-1, dims=1)
        chance = sum((7 * n + 3) * idx.roll(-n, dims=1) ** 2 for n in range(2, 10)) % 251
        shaken = 0.005 + 0.14 * ((chance < 4).float() - (chance > 246).float())
        shaken[:, -10:] = 0.0
        return logits + shaken.unsqueeze(-1) * surely(following, logits.shape[-1]) / 9.0


tokenizer, batches, model = ready(Noisy)
seconds = train(model, batches)
report(evaluate_bpb(model, tokenizer, BATCH), seconds, reached=model.looked)
