import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

for m in ms:
    try:
        vs.append(evaluate_bpb(m))
    finally:
        pass
