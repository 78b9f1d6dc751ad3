import time
import types

import prepare as p
import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

p = types.SimpleNamespace(TIME_BUDGET=900)
