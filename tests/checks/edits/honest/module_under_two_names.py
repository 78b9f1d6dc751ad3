import time
import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader
import prepare
import prepare as p

harness = p
prepare_data = prepare.MAX_SEQ_LEN
