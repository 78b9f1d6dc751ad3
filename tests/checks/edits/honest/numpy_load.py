import time

import numpy as np
import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

np.load("x.npy")
np.load("x", allow_pickle=False)
