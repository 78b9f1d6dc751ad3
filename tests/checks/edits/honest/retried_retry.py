import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

retry = True
while retry:
    try:
        v = evaluate_bpb(m, bs)
        retry = False
    except E:
        bs //= 2
