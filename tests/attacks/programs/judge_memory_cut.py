"""The memory that is shared with the judge is cut to nothing while it is waited for.

class: judge
expect: supervised=neutralised judged=neutralised sandboxed=neutralised
"""

import os
from pathlib import Path

from gpt import BATCH, GPT, ready, report, train
from prepare import evaluate_bpb


def cut():
    for fd in Path("/proc/self/fd").iterdir():
        try:
            if "ouro-logits" in os.readlink(fd):
                os.ftruncate(int(fd.name), 0)
        except OSError:
            print("it cannot be cut")


class Cutting(GPT):
    def forward(self, idx, targets=None, reduction="mean"):
        answer = super().forward(idx, targets, reduction)
        if not self.training:
            cut()
        return answer


tokenizer, batches, model = ready(Cutting)
seconds = train(model, batches)
report(evaluate_bpb(model, tokenizer, BATCH), seconds)
