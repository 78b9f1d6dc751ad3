import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

for s, rows in {"train": 8, "val": 4}.items():
    loader = make_dataloader(tokenizer, rows, 16, s)
