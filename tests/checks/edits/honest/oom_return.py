import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader


def ev(m):
    for bs in (8, 4):
        try:
            return evaluate_bpb(m, bs)
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
