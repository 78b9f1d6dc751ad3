import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

errors = []
try:
    v = evaluate_bpb(m, 8)
except E as e:
    errors.append(e)
if errors:
    v = evaluate_bpb(m)
