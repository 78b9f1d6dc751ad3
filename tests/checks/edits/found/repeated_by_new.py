import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader


class R:
    def go(self, n):
        return evaluate_bpb(n)


v = [R().go(n) for n in s]
