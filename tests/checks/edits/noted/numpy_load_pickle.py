import time
import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader
import numpy as np

np.load("x", allow_pickle=True)
