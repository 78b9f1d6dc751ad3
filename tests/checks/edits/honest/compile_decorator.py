import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

if not hasattr(torch, "compile"):

    def _nc(model=None, *a, **k):
        if model is None:
            return lambda f: f
        return model

    torch.compile = _nc
