import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

while not done:
    v = evaluate_bpb(m, bs)
    done = v < 1
