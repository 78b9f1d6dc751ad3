"""The training text is read from its file, and trained on before the first batch is asked for.

class: clock
expect: supervised=open judged=open sandboxed=open
note: the time before the first batch is bounded by startup-seconds, which the miniature leaves wide
"""

import itertools

import torch
from gpt import BATCH, ready, report, train
from prepare import DATA_DIR, evaluate_bpb

tokenizer, batches, model = ready()
text = (DATA_DIR / "train.txt").read_text().splitlines()[:900]
tokens = torch.tensor([i for document in text for i in tokenizer.encode(document, 0)])
rows = tokens[: len(tokens) // 33 * 33].view(-1, 33)
own = ((part[:, :-1], part[:, 1:], 1) for part in itertools.cycle(rows.split(BATCH)))
early = train(model, own, 0.8)
model.train()
seconds = train(model, batches)
report(evaluate_bpb(model, tokenizer, BATCH), seconds, reached=early > 0.5)
