import time
from functools import partial

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

load = partial(make_dataloader, tokenizer, 8, 16, "val")
