import time

import torch
import torch.nn.functional as F
from config import TIME_BUDGET
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader
