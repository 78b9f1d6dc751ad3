import builtins
import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

if rank != 0:
    builtins.print = lambda *a, **k: None
