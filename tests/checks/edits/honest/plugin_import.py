import importlib
import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

for n in ("torch", "math"):
    importlib.import_module(n)
