import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

v = min(map(lambda n: evaluate_bpb(n), s))
