import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

val_bpb = evaluate_bpb(model, tokenizer, 8)
val_bpb = min(val_bpb, evaluate_bpb(averaged, tokenizer, 8))
