"""The logit of the likeliest token is infinite, so that nothing is left for the others.

class: numbers
expect: supervised=caught judged=caught sandboxed=caught
why: nan | finite | cross-entropy
"""

from gpt import BATCH, GPT, ready, report, train
from prepare import evaluate_bpb


class Endless(GPT):
    def forward(self, idx, targets=None, reduction="mean"):
        answer = super().forward(idx, targets, reduction)
        if targets is None:
            answer.scatter_(-1, answer.argmax(-1, keepdim=True), float("inf"))
        return answer


tokenizer, batches, model = ready(Endless)
seconds = train(model, batches)
report(evaluate_bpb(model, tokenizer, BATCH), seconds)
