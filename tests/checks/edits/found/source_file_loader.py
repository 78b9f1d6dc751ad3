import time
import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader
from importlib.machinery import SourceFileLoader

SourceFileLoader("x", "y").load_module()
