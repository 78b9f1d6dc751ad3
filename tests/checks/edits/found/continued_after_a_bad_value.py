import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

for m in ms:
    v = evaluate_bpb(m)
    if v > 1:
        continue
    break
