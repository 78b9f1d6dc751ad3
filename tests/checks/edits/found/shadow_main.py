import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

import __main__

__main__.TIME_BUDGET = 900
