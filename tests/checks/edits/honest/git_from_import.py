import time
import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader
from subprocess import check_output, DEVNULL, CalledProcessError

try:
    c = check_output("git rev-parse HEAD".split(), stderr=DEVNULL)
except CalledProcessError:
    pass
