"""Asked for logits, the model gives more of them than there are tokens.

class: numbers
expect: supervised=caught judged=caught sandboxed=caught
why: shape | cannot be true | cross-entropy of its logits
"""

import torch.nn.functional as F
from gpt import BATCH, GPT, ready, report, train
from prepare import evaluate_bpb


class Wide(GPT):
    def forward(self, idx, targets=None, reduction="mean"):
        answer = super().forward(idx, targets, reduction)
        return answer if targets is not None else F.pad(answer, (0, 1), value=50.0)


tokenizer, batches, model = ready(Wide)
seconds = train(model, batches)
report(evaluate_bpb(model, tokenizer, BATCH), seconds)
