import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

n = 0
while n < 9:
    n += 1
    try:
        v = evaluate_bpb(m, bs)
    except E:
        pass
