import time
from re import compile

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

WORD = compile(r"[(]\w+")
