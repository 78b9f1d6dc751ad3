import time
from unittest import mock

import torch
import torch.nn.functional as F
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

mock.patch("prepare.TIME_BUDGET", 9)
