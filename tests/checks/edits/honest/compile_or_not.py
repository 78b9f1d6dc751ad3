import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

_orig = torch.compile


def safe(m, *a, **k):
    try:
        return _orig(m, *a, **k)
    except Exception:
        return m


torch.compile = safe
