import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader


def run(bs):
    try:
        return evaluate_bpb(m, bs)
    except E:
        return None


for bs in s:
    v = run(bs)
    if v is not None:
        break
