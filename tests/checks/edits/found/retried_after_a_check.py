import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

for bs in (8, 4):
    try:
        v = evaluate_bpb(m, bs)
        check(v)
        break
    except ValueError:
        pass
