import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader


def main():
    return evaluate_bpb(m)


if __name__ == "__main__":
    fire(main)
