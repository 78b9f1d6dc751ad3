import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

batches = make_dataloader(Tokenizer.from_directory(), 8, 2048, "val")
