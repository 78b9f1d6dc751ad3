"""The experiment of a written night: its files and its rules."""

from __future__ import annotations

from .ideas import Recipe
from .measured import NOISE

DEVICES = ("NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-80GB", "NVIDIA L40S", "NVIDIA RTX 6000 Ada")
METRICS = ("val_bpb", "val_bpb_code")
_PREPARE = '''\
"""The fixed harness."""

TIME_BUDGET = 300


def make_dataloader():
    raise NotImplementedError


def evaluate_bpb(model):
    raise NotImplementedError
'''
_BOUND = f"""\
[bound]
name = "a written night"

[experiment]
script    = "train.py"
editable  = ["train.py"]
allowed   = ["run.log", "results.tsv"]
harness   = "prepare.py"
evaluate  = "evaluate_bpb"
metric    = "val_bpb"
direction = "lower"
budget    = 300
clock     = "wall"
tolerance = 6
timeout   = 600
device    = "auto"
level     = "judged"

[verdict]
noise   = {NOISE}
placebo = 0.1
vault   = 0.25

[night]
tries = {{tries}}
cost  = 100000
price = 2.4

[[guard]]
id      = "memory"
rule    = "No more than a sixth more memory than the baseline."
metric  = "peak-memory"
at-most = 1.17
of      = "baseline"

[[guard]]
id      = "time"
rule    = "A run takes ten minutes at most."
metric  = "wall-time"
at-most = 600

[[danger-zone]]
id    = "prepare"
rule  = "prepare.py is the fixed evaluation."
check = "frozen"
paths = ["prepare.py"]

[[never-do]]
id    = "exceed-budget"
rule  = "Never train for more than five minutes."
check = "budget-limit"

[[never-do]]
id    = "skip-logging"
rule  = "Never skip logging results to results.tsv."
check = "logged"

[[iron-law]]
id    = "only-train-py"
rule  = "Only train.py is modified."
check = "scope"

[[iron-law]]
id    = "keep-or-revert"
rule  = "Improvements keep the commit, regressions revert to the previous one."
check = "settled"
"""


def files(tries: int) -> dict[str, str]:
    """Return the files of the experiment by name; its night is over after so many tries."""
    return {
        "prepare.py": _PREPARE,
        "train.py": Recipe().text,
        "bound.toml": _BOUND.format(tries=max(1, tries)),
        ".gitignore": "run.log\nresults.tsv\n__pycache__/\n",
    }
