import subprocess
import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

cmd = ["git", "rev-parse", "HEAD"]
c = subprocess.check_output(cmd)
