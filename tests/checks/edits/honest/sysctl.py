import subprocess
import time

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

subprocess.check_output(["sysctl", "-n", "machdep.cpu.brand_string"])
subprocess.check_output(["/usr/sbin/sysctl", "-n", "hw.memsize"])
