import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

oom = False
try:
    v = evaluate_bpb(m, 8)
except RuntimeError:
    oom = True
if oom:
    v = evaluate_bpb(m)
