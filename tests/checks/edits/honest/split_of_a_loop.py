import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

for s in ("train",):
    loader = make_dataloader(tokenizer, 8, 16, s)
for name in ("val", "test"):
    print(name)
