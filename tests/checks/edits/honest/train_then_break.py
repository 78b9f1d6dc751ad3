import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

while True:
    step()
    if t > 1:
        v = evaluate_bpb(m, bs)
        break
