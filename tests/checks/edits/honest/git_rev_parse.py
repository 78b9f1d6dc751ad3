import subprocess
import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

c = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"]).decode()
