import time

import prepare
import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

config = dict(prepare.CONFIG)
config.update(floor=0.1)
table = list(prepare.TABLE)
table[0] = 1
