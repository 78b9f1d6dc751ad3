"""Between two timed steps there are more steps, which are not timed.

class: clock
expect: supervised=caught judged=caught sandboxed=caught
why: budget
"""

import time

from gpt import BATCH, Adam, ready, report, step
from prepare import TIME_BUDGET, evaluate_bpb

tokenizer, batches, model = ready()
optimizer, seconds = Adam(model.parameters(), 5e-3), 0.0
while seconds < TIME_BUDGET:
    for _ in range(2):
        step(model, optimizer, *next(batches)[:2])
    start = time.process_time()
    step(model, optimizer, *next(batches)[:2])
    seconds += time.process_time() - start
model.eval()
report(evaluate_bpb(model, tokenizer, BATCH), seconds)
