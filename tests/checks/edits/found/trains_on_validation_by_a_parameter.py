import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader


def load(split="train"):
    return make_dataloader(tokenizer, 8, 16, split)


batches = load("val")
