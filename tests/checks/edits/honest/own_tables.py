import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

TABLE = [[1]]
TABLE[0][0] = 2
TABLE.append(3)
model.params[0][1] = 2
