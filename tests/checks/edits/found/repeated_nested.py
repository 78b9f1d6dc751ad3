import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

while good is False:
    for bs in s:
        v = evaluate_bpb(m)
        break
