import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader


class Score:
    def __init__(self):
        self.value = evaluate_bpb(m, 1)


def fit(score):
    step = score
    for _ in range(3):
        step()


def score():
    return Score().value


fit(train)
v = score()
