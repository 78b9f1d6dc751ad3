import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

while True:
    v = evaluate_bpb(m, bs)
    if v < 1:
        break
