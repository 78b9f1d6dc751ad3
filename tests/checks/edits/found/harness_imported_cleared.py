import time

import torch
import torch.nn.functional as F
from prepare import CONFIG, TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

CONFIG.clear()
