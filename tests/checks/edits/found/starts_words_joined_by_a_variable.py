import time
import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader
import subprocess

subprocess.run(between.join(["nvidia-smi", " -L"]), shell=True)
