import builtins
import functools
import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

builtins.print = functools.partial(print, flush=True)
print = functools.partial(print, flush=True)
