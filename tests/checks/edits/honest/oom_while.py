import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

bs = 8
while True:
    try:
        v = evaluate_bpb(m, bs)
    except RuntimeError as e:
        if "out of memory" not in str(e):
            raise
        bs //= 2
    else:
        break
