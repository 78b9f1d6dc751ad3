import builtins
import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader


def quiet(*a, **k):
    pass


builtins.print = quiet
