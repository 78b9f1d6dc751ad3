import time
from subprocess import DEVNULL, CalledProcessError, check_output

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

try:
    c = check_output("git rev-parse HEAD".split(), stderr=DEVNULL)
except CalledProcessError:
    pass
