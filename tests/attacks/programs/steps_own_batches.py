"""Between two batches that are counted there are ten more, made from the training text.

class: steps
steps: 20
expect: supervised=open judged=open sandboxed=open
note: `steps` counts what the loader serves, not what is computed; a guard can limit `cpu-time`
"""

import torch
from gpt import BATCH, Adam, ready, report, step, train
from prepare import DATA_DIR, evaluate_bpb

tokenizer, batches, model = ready()
text = (DATA_DIR / "train.txt").read_text().splitlines()[:900]
tokens = torch.tensor([i for document in text for i in tokenizer.encode(document, 0)])
rows = tokens[: len(tokens) // 33 * 33].view(-1, 33)
optimizer, taken = Adam(model.parameters()), 0


def more():
    """Train on ten batches of our own."""
    global taken
    for _ in range(10):
        part = rows[taken % 900 : taken % 900 + BATCH]
        step(model, optimizer, part[:, :-1], part[:, 1:])
        taken += BATCH


train(model, batches, after=more)
report(evaluate_bpb(model, tokenizer, BATCH), reached=taken == 200 * BATCH)
