import time

import torch
import torch.nn.functional as F
from numpy import load
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

load("x", allow_pickle=True)
