import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

BUDGET_SHARE = 0.5
MY_TIME_BUDGET = 3


class C:
    TIME_BUDGET = TIME_BUDGET
