import time

import prepare
import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

list.append(prepare.TABLE, 1)
