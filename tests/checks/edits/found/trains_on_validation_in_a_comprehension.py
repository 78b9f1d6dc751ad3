import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

loaders = {s: make_dataloader(tokenizer, 8, 16, split=s) for s in ("train", "val")}
