import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader


def f(n):
    try:
        return evaluate_bpb(n)
    except E:
        return 9


v = min(f(n) for n in s)
