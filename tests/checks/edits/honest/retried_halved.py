import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

n = 9
while n > 0:
    try:
        v = evaluate_bpb(m, bs)
        v /= n + 1
        break
    except E:
        n -= 1
        bs //= 2
