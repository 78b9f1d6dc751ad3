"""Honest work in the manner of the original's own published run: nothing of it is an alarm."""

import pytest

from pytest_ouro.engine import check_all, open_case

HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
TRAIN = '''\
"""
Autoresearch pretraining script. Single-GPU, single-file.
Usage: uv run train.py
"""

import os
os.environ["PYTORCH_ALLOC_CONF"] = "expandable_segments:True"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

import gc
import time
from dataclasses import dataclass, asdict

import torch
import torch.nn as nn
import torch.nn.functional as F

from kernels import get_kernel
cap = torch.cuda.get_device_capability()
repo = "owner/attention" if cap == (9, 0) else "owner/attention-of-old"
fa3 = get_kernel(repo).flash_attn_interface

from prepare import MAX_SEQ_LEN, TIME_BUDGET, Tokenizer, make_dataloader, evaluate_bpb


@dataclass
class GPTConfig:
    n_layer: int = 12
    n_embd: int = 768


def norm(x):
    return F.rms_norm(x, (x.size(-1),))


class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.lm_head = nn.Linear(config.n_embd, 8192, bias=False)

    def forward(self, idx, targets=None, reduction="mean"):
        logits = self.lm_head(norm(idx)).float()
        if targets is not None:
            return F.cross_entropy(
                logits.view(-1, logits.size(-1)), targets.view(-1),
                ignore_index=-1, reduction=reduction,
            )
        return logits


DEPTH = 8
DEVICE_BATCH_SIZE = 128
MATRIX_LR = 0.04
SEED = 42

t_start = time.time()
torch.manual_seed(SEED)
torch.set_float32_matmul_precision("high")
device = torch.device("cuda")
autocast_ctx = torch.amp.autocast(device_type="cuda", dtype=torch.bfloat16)
tokenizer = Tokenizer.from_directory()
model = torch.compile(GPT(GPTConfig(n_layer=DEPTH)), dynamic=False)
optimizer = torch.optim.AdamW(model.parameters(), lr=MATRIX_LR)
train_loader = make_dataloader(tokenizer, DEVICE_BATCH_SIZE, MAX_SEQ_LEN, "train")
x, y, epoch = next(train_loader)
total_training_time, step = 0, 0
while True:
    torch.cuda.synchronize()
    t0 = time.time()
    with autocast_ctx:
        loss = model(x, y)
    loss.backward()
    for group in optimizer.param_groups:
        group["lr"] = group["lr"] * 0.999
    optimizer.step()
    model.zero_grad(set_to_none=True)
    if loss.item() > 100:
        print("FAIL")
        exit(1)
    torch.cuda.synchronize()
    if step > 10:
        total_training_time += time.time() - t0
    print(f"\\rstep {step:05d} | loss: {loss.item():.6f}", end="", flush=True)
    if step == 0:
        gc.collect()
        gc.freeze()
        gc.disable()
    step += 1
    if step > 10 and total_training_time >= TIME_BUDGET:
        break
    x, y, epoch = next(train_loader)
print()

model.eval()
with autocast_ctx:
    val_bpb = evaluate_bpb(model, tokenizer, DEVICE_BATCH_SIZE)
print("---")
print(f"val_bpb:          {val_bpb:.6f}")
print(f"training_seconds: {total_training_time:.1f}")
print(f"total_seconds:    {time.time() - t_start:.1f}")
print(f"peak_vram_mb:     {torch.cuda.max_memory_allocated() / 1024 / 1024:.1f}")
'''


@pytest.fixture
def upstream(laws):
    """The fifteen rules around a train.py like the original's; nothing but git knows torch."""
    lock = (laws.path / "bound.lock").read_text()
    laws.commit("bless it as it is", {"train.py": TRAIN, "bound.lock": f"{lock}# upstream\n"})
    return laws


def alarms(project, **how):
    """What broken rules and rules that only warn say."""
    judgements = check_all(open_case(project.path / "bound.toml", **how))
    return [finding.headline for judgement in judgements for finding in judgement.findings]


EDITS = [
    ("a docstring that mentions the metric", 'class GPT(nn.Module):\n',
     'class GPT(nn.Module):\n    """evaluate_bpb(model) = 0 would be nice."""\n'),
    ("a comment that mentions it", "model.eval()",
     "# for m in models: evaluate_bpb(m)\n# val_bpb: 0.9\nmodel.eval()"),
    ("a hyper-parameter", "MATRIX_LR = 0.04", "MATRIX_LR = 0.02"),
    ("another seed", "SEED = 42", "SEED = 137"),
    ("a smaller batch", "DEVICE_BATCH_SIZE = 128", "DEVICE_BATCH_SIZE = 2**6"),
    ("renamed variables", "total_training_time", "trained_for"),
    ("the metric by another name", "val_bpb = evaluate", "val_bpb = final = evaluate"),
    ("a new function", "def norm(x):", "def softcap(x):\n    return 15 * (x / 15).tanh()\n\n\n"
     "def norm(x):"),
    ("a new class", "@dataclass", "class MLP(nn.Module):\n    pass\n\n\n@dataclass"),
    ("the standard library", "import gc", "import gc\nimport math, random, contextlib, sys\n"
     "from collections import deque"),
    ("more of torch", "import gc", "import gc\nimport torch.distributed as dist\n"
     "from torch.nn.attention import sdpa_kernel\nfrom torch import Tensor, nn as layers"),
    ("settings of torch", "device = torch",
     "torch.backends.cuda.matmul.allow_tf32 = True\ntorch.backends.cudnn.benchmark = True\n"
     "torch._dynamo.config.cache_size_limit = 64\n"
     "torch._inductor.config.coordinate_descent_tuning = True\ndevice = torch"),
    ("label smoothing in training alone", "reduction=reduction,",
     "reduction=reduction,\n                label_smoothing=0.1 if self.training else 0.0,"),
    ("a loss of its own in training alone", "    loss.backward()",
     "    loss = loss + 1e-4 * model(x).logsumexp(-1).square().mean()\n    loss.backward()"),
    ("no kernel from the hub", "fa3 = get_kernel(repo).flash_attn_interface",
     "fa3 = F.scaled_dot_product_attention"),
    ("Apple's GPU", 'device = torch.device("cuda")',
     'device = torch.device("mps" if torch.backends.mps.is_available() else "cpu")\n'
     'torch.mps.set_per_process_memory_fraction(0.0)\n'
     'synchronize = torch.mps.synchronize if device.type == "mps" else (lambda: None)'),
    ("a context for the evaluation", "with autocast_ctx:\n    val_bpb",
     "with torch.no_grad(), autocast_ctx:\n    val_bpb"),
    ("an evaluation in a function", "with autocast_ctx:\n    val_bpb = evaluate_bpb(",
     "def final(*args):\n    return evaluate_bpb(*args)\n\n"
     "with autocast_ctx:\n    val_bpb = final("),
    ("weights averaged before it", "model.eval()",
     "with torch.no_grad():\n    for p in model.parameters():\n        p.data = p.data * 1.0\n"
     "model.eval()"),
    ("a model whose parts are replaced", "optimizer = torch",
     "model.lm_head.weight = model.lm_head.weight\nmodel.forward = model.forward\n"
     "optimizer = torch"),
    ("less code", "    for group in optimizer.param_groups:\n"
     '        group["lr"] = group["lr"] * 0.999\n', ""),
    ("a compiled step", "def norm(x):", "@torch.compile(dynamic=False, fullgraph=True)\n"
     "def norm(x):"),
    ("other texts in the summary", 'print("---")',
     'print("---")\nprint(f"val_bpb_ema:      {val_bpb:.6f}")\nprint("config: depth 8")'),
]  # fmt: skip


@pytest.mark.tier(2, but=8)
@pytest.mark.parametrize(("old", "new"), [e[1:] for e in EDITS], ids=[e[0] for e in EDITS])
def test_an_experiment_of_the_usual_kind_is_lawful(upstream, old, new):
    upstream.edit("train.py", old, new)
    assert alarms(upstream) == []

    upstream.commit("an idea")
    assert alarms(upstream) == []


@pytest.fixture
def published(upstream):
    """The published run: 23 kept commits, the first called ``baseline``; 102 discards whose
    commits are gone; written by hand, before there was a record of ours."""
    value, rows = 0.997900, []
    for number in range(23):
        name = "baseline" if not number else ""
        if number:
            upstream.write({"train.py": f"{TRAIN}# {number}\n"})
            upstream.git("commit", "-q", "-am", f"idea {number}")
            name = upstream.git("rev-parse", "--short=7", "HEAD")
            value -= 0.001234
        rows.append(f"{name}\t{value:.6f}\t44.0\tkeep\tidea {number}")
        for discard in range(5 if number < 10 else 4):
            worse = value + 0.0005 * (discard + 1)
            rows.append(f"{number:03x}{discard:04x}\t{worse:.6f}\t44.2\tdiscard\tit was worse")
    flat = f"fffffff\t{value - 0.000004:.6f}\t45.1\tdiscard\tflat, and more code"
    crash = "eeeeeee\t0.000000\t0.0\tcrash\tOOM at depth 26"
    rows += [flat, crash]
    assert sum("\tdiscard\t" in row for row in rows) == 103
    upstream.write({"results.tsv": HEADER + "\n".join(rows) + "\n"})
    return upstream


def test_the_published_run_is_lawful(published, recorded):
    trust = published.git("rev-list", "-1", "HEAD", "--", "bound.lock")
    assert alarms(published) == []
    assert alarms(published, trust=trust) == []

    recorded("keep", 0.969)  # our first run comes after all that
    assert alarms(published) == []

    published.commit("our idea", {"train.py": TRAIN + "# ours\n"})
    recorded("discard", 0.99, best=0.969, gain=-0.021)
    published.git("reset", "-q", "--hard", "HEAD~1")
    assert alarms(published) == []


def test_every_commit_of_it_is_lawful_by_itself(published):
    trust = published.git("rev-list", "-1", "HEAD", "--", "bound.lock")
    for commit in published.git("rev-list", f"{trust}..HEAD").split()[::6]:
        published.git("checkout", "-q", "--detach", commit)
        assert alarms(published, trust=trust) == []


def test_a_run_on_a_branch_of_its_own_is_lawful(published):
    published.git("checkout", "-q", "-b", "autoresearch/mar8")
    published.write({"run.log": "step 00000\r" * 100})
    published.commit("another idea", {"train.py": TRAIN})

    assert alarms(published) == []


FOREIGN_LEDGERS = {
    "no header": "HEAD\t0.99\t44.0\tkeep\tx\n",
    "other columns": "commit\tscore\tsharpe\tmax_dd\tstatus\tdescription\nx\t1\t2\t3\tkept\ty\n",
    "comments": "# metric_direction: lower\n\n=====\n" + HEADER + "baseline\t1\t-\tbest\tx\n",
    "Windows": (HEADER + "baseline\t1.0\t44.0\tkeep\tx\n").replace("\n", "\r\n"),
    "ragged rows": HEADER + "abc\t1.0\nabc\t1.0\t4\tkeep\ta\tb\tc\n-------\tFAILED TO APPLY\n",
    "a literal tab": HEADER + "abc\\t1.0\\t44.0\\tkeep\\tx\n",
    "duplicates": HEADER + "abc1234\t1.0\t44.0\tkeep\tx\n" * 3,
    "sentinels": HEADER + "abc1234\t99.0\t-\tcrash\tx\nabc1235\tnan\tNA\tcrash\ty\n",
    "empty": "",
    "a header alone": HEADER,
}


@pytest.mark.parametrize("text", FOREIGN_LEDGERS.values(), ids=FOREIGN_LEDGERS)
def test_a_ledger_that_others_wrote_is_not_a_breach(upstream, recorded, text):
    (upstream.path / "results.tsv").write_bytes(text.encode())
    assert alarms(upstream) == []

    recorded("keep", 1.0)
    assert alarms(upstream) == []
