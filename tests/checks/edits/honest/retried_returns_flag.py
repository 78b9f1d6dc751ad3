import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader


def run(bs):
    try:
        return True, evaluate_bpb(m, bs)
    except E:
        return False, 0


for bs in s:
    ok, v = run(bs)
    if ok:
        break
