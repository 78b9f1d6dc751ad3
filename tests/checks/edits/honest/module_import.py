import prepare
import torch

TIME_BUDGET = prepare.TIME_BUDGET
from prepare import evaluate_bpb
