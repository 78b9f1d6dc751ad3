import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

for s in range(3):
    for bs in (8, 4):
        try:
            v = evaluate_bpb(m, bs)
            break
        except MemoryError:
            pass
