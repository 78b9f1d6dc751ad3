import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

ok = False
while ok is False:
    try:
        v = evaluate_bpb(m, bs)
        ok = True
    except E:
        bs //= 2
