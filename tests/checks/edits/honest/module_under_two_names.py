import time

import prepare
import prepare as p
import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

harness = p
prepare_data = prepare.MAX_SEQ_LEN
