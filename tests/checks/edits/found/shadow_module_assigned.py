import time
import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader
import types
import prepare as p

p = types.SimpleNamespace(TIME_BUDGET=900)
