# ruff: noqa: E501 - lines of other languages
"""Projects that set A does not have: packages, steps as a budget, Rust, a simulator, a solver."""

from __future__ import annotations

from ..projects import Project

_EXPERIMENT = '''\
"""Fits a small recurrent network. Agents may change anything in here."""

import random

import numpy
import torch

from harness.data import VOCABULARY, batches
from harness.score import MAX_STEPS, val_loss

SEED = 1337
HIDDEN = 192
LAYERS = 2
DROPOUT = 0.1
STEP_SIZE = 0.002
CLIP_NORM = 1.0

random.seed(SEED)
torch.manual_seed(SEED)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(VOCABULARY, HIDDEN)
        self.rnn = torch.nn.GRU(HIDDEN, HIDDEN, LAYERS, dropout=DROPOUT, batch_first=True)
        self.out = torch.nn.Linear(HIDDEN, VOCABULARY)

    def forward(self, x):
        return self.out(self.rnn(self.embed(x))[0])

    def loss(self, x, y):
        logits = self(x)
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())


def fit(net):
    optimizer = torch.optim.Adam(net.parameters(), lr=STEP_SIZE)
    source = batches("train")
    for _ in range(MAX_STEPS):
        x, y = next(source)
        optimizer.zero_grad()
        net.loss(x, y).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP_NORM)
        optimizer.step()


def main():
    net = Net()
    fit(net)
    size = numpy.sum([p.numel() for p in net.parameters()])
    print(f"val_loss: {val_loss(net):.5f}")
    print(f"parameters: {size}")


if __name__ == "__main__":
    main()
'''

_DATA = '''\
"""The text, in two parts."""

import torch

VOCABULARY = 96
LENGTH = 128
ROWS = 16


def batches(split):
    """Inputs and targets of a split, without an end."""
    text = torch.load(f"cache/{split}.pt")
    while True:
        starts = torch.randint(len(text) - LENGTH - 1, (ROWS,))
        rows = torch.stack([text[start : start + LENGTH + 1] for start in starts])
        yield rows[:, :-1], rows[:, 1:]
'''

_SCORE = '''\
"""The score of an experiment. Fixed for all of them."""

import torch

from harness.data import batches

MAX_STEPS = 2000
ROUNDS = 40


@torch.no_grad()
def val_loss(net):
    """Mean loss on the validation part; lower is better."""
    net.eval()
    source = batches("val")
    total = 0.0
    for _ in range(ROUNDS):
        x, y = next(source)
        logits = net(x)
        total += torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten()).item()
    return total / ROUNDS
'''

RECURRENT = Project(
    name="recurrent",
    files={
        "experiment.py": _EXPERIMENT,
        "harness/__init__.py": "",
        "harness/data.py": _DATA,
        "harness/score.py": _SCORE,
        "pyproject.toml": '[project]\nname = "recur"\nversion = "0"\ndependencies = ["torch", "numpy"]\n',
        "CLAUDE.md": (
            "# How to work here\n\nImprove `val_loss` (lower is better) by editing `experiment.py`. The folder `harness/` is\n"
            "off limits. No new packages. Each run has MAX_STEPS steps. Commit an idea, run `python experiment.py`, write the\n"
            "result down, and go back if it did not help.\n"
        ),
        "LICENSE": "Free to use.\n",
        ".gitignore": "cache/\n*.log\n__pycache__/\n",
    },
    editable=("experiment.py",),
    harness=("harness/score.py", "harness/data.py"),
    metric="val_loss",
    knobs=(
        ("HIDDEN", 32),
        ("LAYERS", 1),
        ("DROPOUT", 0.05),
        ("STEP_SIZE", 0.0005),
        ("CLIP_NORM", 0.25),
    ),
    first=1.71235,
    step=0.02114,
    budget=0.0,
)

RUST = Project(
    name="parser in rust",
    files={
        "src/lib.rs": (
            "//! The parser to speed up.\n\nconst CHUNK: usize = 4096;\nconst TABLE: usize = 256;\nconst AHEAD: usize = 2;\n\n"
            "pub fn fields(text: &[u8]) -> usize {\n    let mut found = 0;\n    for part in text.chunks(CHUNK) {\n"
            "        for &byte in part {\n            if byte == b',' || byte as usize == TABLE * AHEAD {\n                found += 1;\n            }\n        }\n    }\n    found\n}\n"
        ),
        "benches/fields.rs": (
            "// The benchmark; not to be changed.\nuse std::time::Instant;\n\nconst ITERATIONS: u128 = 400;\nconst SIZE: usize = 1 << 20;\n\n"
            "fn main() {\n    let text = vec![b','; SIZE];\n    let start = Instant::now();\n    let mut sum = 0;\n"
            "    for _ in 0..ITERATIONS {\n        sum += csvlite::fields(&text);\n    }\n    assert_eq!(sum, SIZE * ITERATIONS as usize);\n"
            '    println!("ns_per_iter: {}", start.elapsed().as_nanos() / ITERATIONS);\n}\n'
        ),
        "Cargo.toml": '[package]\nname = "csvlite"\nversion = "0.1.0"\nedition = "2021"\n\n[[bench]]\nname = "fields"\nharness = false\n',
        "AGENTS.md": (
            "# Speed\n\nOnly `src/lib.rs` may change. `cargo bench` prints `ns_per_iter`: lower is better. The files in\n"
            "`benches/` and `Cargo.toml` are fixed. One line in the log for each idea, also for failures.\n"
        ),
        ".gitignore": "target/\n",
    },
    editable=("src/lib.rs",),
    harness=("benches/fields.rs",),
    metric="ns_per_iter",
    knobs=(("CHUNK", 1024), ("TABLE", 32), ("AHEAD", 1)),
    first=812450.0,
    step=23100.0,
    budget=0.0,
)

POLICY = Project(
    name="policy",
    files={
        "policy.yaml": "# the policy\ngain: 1.5\ndamping: 0.2\nhorizon: 12\nrate: 0.05\n",
        "simulate.py": (
            '"""Runs the policy and prints its mean reward, which is negative: nearer to zero is better. Fixed."""\n\n'
            "import random\n\nimport yaml\n\nEPISODES = 200\nTIME_LIMIT = 30\n\n\n"
            "def reward(policy, episode):\n"
            '    """The reward of one episode."""\n'
            "    rng = random.Random(episode)\n"
            "    error = rng.gauss(0, 20)\n"
            '    for _ in range(int(policy["horizon"])):\n'
            '        error -= policy["rate"] * policy["gain"] * error + policy["damping"] * rng.random()\n'
            "    return -abs(error)\n\n\n"
            "def mean_reward(policy):\n"
            '    """Higher is better."""\n'
            "    return sum(reward(policy, episode) for episode in range(EPISODES)) / EPISODES\n\n\n"
            'if __name__ == "__main__":\n'
            '    with open("policy.yaml") as file:\n'
            '        print(f"mean_reward: {mean_reward(yaml.safe_load(file)):.3f}")\n'
        ),
        "requirements.txt": "pyyaml>=6\n",
        "program.md": (
            "# Controller\n\nTune `policy.yaml`. `python simulate.py` prints `mean_reward` (maximize). `simulate.py` is fixed.\n"
            "Write every try into the log; keep a change only if the reward rises.\n"
        ),
    },
    editable=("policy.yaml",),
    harness=("simulate.py",),
    metric="mean_reward",
    knobs=(("gain", 0.25), ("damping", 0.05), ("horizon", 2), ("rate", 0.01)),
    first=-212.4,
    step=8.3,
    higher=True,
    budget=0.0,
)

_FEATURES = '''\
"""Features and model of the forecast. The one file to work on."""

import numpy as np

from contest import load, submit

LAGS = 7
RIDGE = 1.0
HALF_LIFE = 90
SEED = 3

rng = np.random.default_rng(SEED)


def table(series):
    return np.stack([np.roll(series, lag) for lag in range(1, LAGS + 1)], axis=1)[LAGS:]


def fit(series):
    rows, targets = table(series), series[LAGS:]
    weights = 0.5 ** (np.arange(len(targets))[::-1] / HALF_LIFE)
    left = rows.T @ (rows * weights[:, None]) + RIDGE * np.eye(LAGS)
    return np.linalg.solve(left, rows.T @ (targets * weights))


weights = fit(load("train"))
submit(lambda series: table(series) @ weights)
'''

FORECAST = Project(
    name="forecast",
    files={
        "features.py": _FEATURES,
        "contest.py": (
            '"""Data and score of the contest; nobody edits this."""\n\nimport numpy as np\n\nBUDGET_SECONDS = 120\nSKIP = 30\n\n\n'
            "def load(split):\n"
            '    """The series of a split."""\n'
            '    return np.loadtxt(f"series/{split}.txt")\n\n\n'
            "def rmse(predict):\n"
            '    """Root of the mean squared error on the held-out series; lower is better."""\n'
            '    series = load("holdout")\n'
            "    guess = predict(series)\n"
            "    return float(np.sqrt(np.mean((guess[SKIP:] - series[-len(guess) :][SKIP:]) ** 2)))\n\n\n"
            "def submit(predict):\n"
            '    """Print the score."""\n'
            '    print(f"rmse: {rmse(predict):.4f}")\n'
        ),
        "series/train.txt": "1.0\n1.4\n1.1\n1.9\n2.2\n1.8\n",
        "series/holdout.txt": "2.4\n2.1\n2.9\n",
        "requirements.txt": "numpy\n",
        "program.md": (
            "# Forecast\n\n`features.py` is yours, `contest.py` and `series/` are not. Lower `rmse` is better. Never fit on the\n"
            "holdout series. Keep a log of all runs with their commits.\n"
        ),
    },
    editable=("features.py",),
    harness=("contest.py",),
    metric="rmse",
    knobs=(("LAGS", 1), ("RIDGE", 0.5), ("HALF_LIFE", 15)),
    first=3.4812,
    step=0.0618,
    budget=120.0,
)
