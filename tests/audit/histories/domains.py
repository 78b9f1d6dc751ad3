# ruff: noqa: E501 - lines of other languages
"""Projects of other domains: a classifier, a C kernel, a prompt, a strategy, a program for node."""

from __future__ import annotations

from .projects import Project

_MODEL = '''\
"""The classifier. Edit this file only."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import PolynomialFeatures

from evaluate import load_train, report

SEED = 7
DEGREE = 2
STRENGTH = 1.0
ROUNDS = 200
CLIP = 4.0

rng = np.random.default_rng(SEED)
features, labels = load_train()
expand = PolynomialFeatures(DEGREE)
model = LogisticRegression(C=STRENGTH, max_iter=ROUNDS, random_state=SEED)
model.fit(expand.fit_transform(np.clip(features, -CLIP, CLIP)), labels)


def predict(rows):
    return model.predict(expand.transform(np.clip(rows, -CLIP, CLIP)))


if __name__ == "__main__":
    report(predict)
'''

_EVALUATE = '''\
"""Scores a classifier on rows that it was not fitted on. Fixed."""

import numpy as np

MAX_SECONDS = 60


def load_train():
    """The rows and labels to fit."""
    rows = np.loadtxt("data/train.csv", delimiter=",")
    return rows[:, :-1], rows[:, -1]


def accuracy(predict):
    """The share of right answers on the validation rows; higher is better."""
    rows = np.loadtxt("data/val.csv", delimiter=",")
    return float((predict(rows[:, :-1]) == rows[:, -1]).mean())


def report(predict):
    """Print the metric."""
    print(f"val_acc: {accuracy(predict):.4f}")
'''

_POINTS = "0.1,0.7,1\n-0.4,0.2,0\n1.2,-0.3,1\n-0.9,-0.8,0\n"

CLASSIFIER = Project(
    name="classifier",
    files={
        "model.py": _MODEL,
        "evaluate.py": _EVALUATE,
        "data/train.csv": _POINTS,
        "data/val.csv": "0.3,0.1,1\n-0.2,-0.5,0\n",
        "requirements.txt": "numpy>=1.26\nscikit-learn>=1.4\n",
        "program.md": (
            "# Task\n\nRaise `val_acc` (higher is better). Edit only `model.py`; `evaluate.py` and `data/` are\n"
            "read-only. Run `python model.py > run.log` and log each experiment.\n"
        ),
        ".gitignore": "run.log\n__pycache__/\n",
    },
    editable=("model.py",),
    harness=("evaluate.py",),
    metric="val_acc",
    knobs=(("DEGREE", 1), ("STRENGTH", 0.25), ("ROUNDS", 50), ("CLIP", 0.5)),
    first=0.7812,
    step=0.0121,
    higher=True,
    budget=60.0,
)

_KERNEL = """\
/* Matrix product: the file to make faster. */
#include "bench.h"

#define TILE 32
#define UNROLL 4
#define PREFETCH 64
#define LANES 8

void product(const float *a, const float *b, float *c, int n)
{
    for (int i0 = 0; i0 < n; i0 += TILE)
        for (int k0 = 0; k0 < n; k0 += TILE)
            for (int i = i0; i < i0 + TILE && i < n; i++)
                for (int k = k0; k < k0 + TILE && k < n; k++)
                    for (int j = 0; j < n; j++)
                        c[i * n + j] += a[i * n + k] * b[k * n + j];
}
"""

_BENCH_C = """\
/* Times product() and compares it with a plain loop. Fixed. */
#include "bench.h"
#include <math.h>
#include <stdio.h>
#include <time.h>

#define N 512
#define REPEATS 20

static float a[N * N], b[N * N], c[N * N];

int main(void)
{
    struct timespec from, to;
    for (int i = 0; i < N * N; i++) { a[i] = i % 7; b[i] = i % 5; }
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int r = 0; r < REPEATS; r++) product(a, b, c, N);
    clock_gettime(CLOCK_MONOTONIC, &to);
    double s = (to.tv_sec - from.tv_sec) + 1e-9 * (to.tv_nsec - from.tv_nsec);
    printf("gflops: %.2f\\n", 2.0 * N * N * N * REPEATS / s / 1e9);
    return 0;
}
"""

KERNEL = Project(
    name="kernel",
    files={
        "kernel.c": _KERNEL,
        "bench.c": _BENCH_C,
        "bench.h": "void product(const float *a, const float *b, float *c, int n);\n",
        "bench.sh": "#!/bin/sh\nset -e\ncc -O3 -march=native -o bench kernel.c bench.c -lm\n./bench\n",
        "AGENTS.md": (
            "# Kernel tuning\n\nMake `kernel.c` faster. `bench.c`, `bench.h` and `bench.sh` are the benchmark: do not touch them.\n"
            "`sh bench.sh` prints `gflops`; more is better. Each try is a line of the table of results.\n"
        ),
        ".gitignore": "bench\n*.o\n",
    },
    editable=("kernel.c",),
    harness=("bench.c", "bench.h", "bench.sh"),
    metric="gflops",
    knobs=(("TILE", 16), ("UNROLL", 2), ("PREFETCH", 32), ("LANES", 4)),
    first=21.4,
    step=1.35,
    higher=True,
    budget=0.0,
)

PROMPT = Project(
    name="prompt",
    files={
        "prompt.md": (
            "# Instructions\n\nAnswer the customer's question from the article.\n\n"
            "max words: 90\nexamples: 2\ntone level: 3\n"
        ),
        "judge.py": (
            '"""Scores the prompt on the cases, from 0 to 100. Fixed."""\n\n'
            "import json\nimport pathlib\nimport sys\n\nfrom client import complete\n\n\n"
            "def score(prompt, cases):\n"
            '    """The mean share of the facts that the answers have; higher is better."""\n'
            "    points = 0.0\n"
            "    for case in cases:\n"
            '        answer = complete(prompt, case["question"])\n'
            '        points += sum(fact in answer for fact in case["facts"]) / len(case["facts"])\n'
            "    return 100 * points / len(cases)\n\n\n"
            'if __name__ == "__main__":\n'
            "    lines = pathlib.Path(sys.argv[1]).read_text().splitlines()\n"
            "    print(f\"score: {score(pathlib.Path('prompt.md').read_text(), [json.loads(line) for line in lines]):.2f}\")\n"
        ),
        "client.py": "def complete(prompt, question):\n    raise NotImplementedError\n",
        "cases.jsonl": '{"question": "When do you open?", "facts": ["nine"]}\n',
        "program.md": (
            "# Prompt tuning\n\nEdit `prompt.md`. Leave `judge.py` and `cases.jsonl` as they are.\n"
            "`python judge.py cases.jsonl` prints the `score` (higher is better). Log every try.\n"
        ),
    },
    editable=("prompt.md",),
    harness=("judge.py",),
    metric="score",
    knobs=(("max words", 10), ("examples", 1), ("tone level", 1)),
    first=61.5,
    step=2.4,
    higher=True,
    budget=0.0,
)

STRATEGY = Project(
    name="strategy",
    files={
        "strategy.py": (
            '"""The strategy. Edit this file."""\n\n'
            "FAST = 12\nSLOW = 48\nSTOP = 2.5\nSIZE = 0.08\nCOOLDOWN = 3\n\n\n"
            "def positions(prices):\n"
            '    """The share of the capital to hold on each day."""\n'
            "    held = []\n"
            "    for day in range(len(prices)):\n"
            "        fast = sum(prices[max(0, day - FAST) : day + 1]) / min(day + 1, FAST + 1)\n"
            "        slow = sum(prices[max(0, day - SLOW) : day + 1]) / min(day + 1, SLOW + 1)\n"
            "        held.append(SIZE if fast > slow else 0.0)\n"
            "    return held\n"
        ),
        "backtest.py": (
            '"""Runs the strategy over the validation years. Read-only."""\n\n'
            "import csv\nimport statistics\n\nfrom strategy import positions\n\n\n"
            "def sharpe(held, prices):\n"
            '    """Mean return by its deviation, for a year; higher is better."""\n'
            "    gains = [held[day] * (prices[day + 1] / prices[day] - 1) for day in range(len(prices) - 1)]\n"
            "    return statistics.mean(gains) / (statistics.pstdev(gains) or 1) * 252**0.5\n\n\n"
            'if __name__ == "__main__":\n'
            '    with open("prices.csv") as file:\n'
            "        prices = [float(row[1]) for row in csv.reader(file)]\n"
            '    print(f"score: {sharpe(positions(prices), prices):.3f}")\n'
        ),
        "prices.csv": "2020-01-02,101.5\n2020-01-03,102.25\n2020-01-06,100.75\n",
        "program.md": (
            "# Strategy search\n\nChange `strategy.py` only. `python backtest.py` prints the `score`: the higher, the better.\n"
            "`backtest.py` and `prices.csv` stay. Keep what improves the score, revert the rest.\n"
        ),
        ".gitignore": "__pycache__/\n",
    },
    editable=("strategy.py",),
    harness=("backtest.py",),
    metric="score",
    knobs=(("FAST", 2), ("SLOW", 6), ("STOP", 0.25), ("SIZE", 0.01), ("COOLDOWN", 1)),
    first=1.284,
    step=0.117,
    higher=True,
    budget=0.0,
)

SOLVER = Project(
    name="solver",
    files={
        "solver.js": (
            "// The solver to improve.\nconst RESTARTS = 4;\nconst COOLING = 0.95;\nconst SWAPS = 60;\n\n"
            "module.exports = function solve(tasks) {\n  let order = tasks.map((_, i) => i);\n"
            "  for (let r = 0; r < RESTARTS * SWAPS; r++) order = order.slice().sort((a, b) => tasks[a] * COOLING - tasks[b]);\n"
            "  return order;\n};\n"
        ),
        "evaluate.cjs": (
            "// Prints the mean delay of the schedule; fixed.\n"
            'const solve = require("./solver.js");\nconst tasks = [5, 3, 8, 1, 9, 2];\n'
            "let time = 0;\nlet sum = 0;\nfor (const i of solve(tasks)) {\n  time += tasks[i];\n  sum += time;\n}\n"
            "console.log(`mean_delay: ${(sum / tasks.length).toFixed(3)}`);\n"
        ),
        "package.json": '{\n  "name": "scheduler",\n  "version": "1.0.0",\n  "private": true\n}\n',
        "program.md": (
            "# Scheduler\n\nEdit `solver.js` so that `node evaluate.cjs` prints a smaller `mean_delay` (lower is better).\n"
            "Never edit `evaluate.cjs`. Use no packages. Append a line to the results after every run.\n"
        ),
    },
    editable=("solver.js",),
    harness=("evaluate.cjs",),
    metric="mean_delay",
    knobs=(("RESTARTS", 1), ("COOLING", 0.005), ("SWAPS", 10)),
    first=18.667,
    step=0.41,
    budget=0.0,
)
