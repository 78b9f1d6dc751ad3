import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

split = "train" if first else "val"
loader = make_dataloader(tokenizer, 8, 16, split)
