import subprocess as sp
import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

c = sp.run("git rev-parse HEAD", shell=True, stdout=sp.PIPE, stderr=sp.DEVNULL).stdout
