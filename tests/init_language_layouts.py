"""Layouts of experiments in several languages, with other words in their instructions."""

from __future__ import annotations

from .init_layouts import Layout

_NUMBER = r"([-+]?[\d.]+(?:[eE][-+]?\d+)?)"

LANGUAGES: dict[str, Layout] = {
    "a table of files": Layout(
        {
            "program.md": (
                "# Loop\n"
                "\n"
                "| File | Role | Editable |\n"
                "|---|---|---|\n"
                "| `policy.py` | the policy | Yes |\n"
                "| `arena.py` | plays 100 games | No |\n"
                "\n"
                "Run: `python arena.py`\n"
                "\n"
                "The metric is win_rate (higher is better). Never stop.\n"
            ),
            "policy.py": "x = 1\n",
            "arena.py": (
                "import policy\n"
                "\n"
                "win_rate = policy.x / 2\n"
                "print(f'win_rate: {win_rate:.3f}')\n"
                "print(f'games: 100')\n"
            ),
        },
        experiment={
            "command": ("python", "arena.py"),
            "editable": ("policy.py",),
            "metric": "win_rate",
            "direction": "higher",
            "level": "supervised",
        },
    ),
    "a dataclass as JSON": Layout(
        {
            "PROMPT.md": (
                "# Objective\n"
                "\n"
                "Your goal is to minimize `p99_latency_ms` of the server in "
                "`server/handler.py`.\n"
                "\n"
                "## Evaluate\n"
                "\n"
                "```bash\n"
                "python -m server.load_test --seconds 20\n"
                "```\n"
                "\n"
                "Do not modify `server/load_test.py`. Loop forever.\n"
            ),
            "server/__init__.py": "",
            "server/handler.py": "def h(): pass\n",
            "server/load_test.py": (
                "import json\n"
                "from dataclasses import asdict, dataclass\n"
                "from server import handler\n"
                "\n"
                "@dataclass\n"
                "class Report:\n"
                "    p99_latency_ms: float\n"
                "    rps: float\n"
                "\n"
                "print(json.dumps(asdict(Report(1.0, 2.0))))\n"
            ),
        },
        experiment={
            "command": ("python", "-m", "server.load_test", "--seconds", "20"),
            "editable": ("server/handler.py",),
            "metric": "p99_latency_ms",
            "direction": "lower",
            "level": "supervised",
        },
    ),
    "a label of two words and a unit": Layout(
        {
            "README.md": (
                "# Compress\n"
                "\n"
                "An autoresearch loop. Only `codec.py` may be changed. `bench.py` is "
                "fixed.\n"
                "\n"
                "```sh\n"
                "python bench.py\n"
                "```\n"
                "\n"
                "Higher compression ratio is better.\n"
            ),
            "codec.py": "x = 1\n",
            "bench.py": (
                "import codec\n"
                "\n"
                "ratio = 3.0\n"
                "print('Compression ratio: %.3fx' % ratio)\n"
                "print('Encode time: %.1f ms' % 3)\n"
            ),
        },
        experiment={
            "command": ("python", "bench.py"),
            "editable": ("codec.py",),
            "metric": "compression_ratio",
            "metric_from": rf"""regex:^\W*Compression ratio\s*[:=]\s*{_NUMBER}""",
            "unit": "x",
            "direction": "higher",
            "level": "supervised",
        },
    ),
    "a shell script and printf": Layout(
        {
            "autoresearch.md": (
                "# Autoresearch\n"
                "\n"
                "- **Primary**: `startup_ms` (lower is better)\n"
                "\n"
                "## Files in Scope\n"
                "- `src/**`\n"
            ),
            "autoresearch.sh": (
                "#!/bin/sh\n"
                "set -e\n"
                "ms=$(hyperfine --export-json - ./app | jq .mean)\n"
                "printf 'METRIC startup_ms=%s\\n' \"$ms\"\n"
            ),
            "src/main.c": "int main(){}\n",
        },
        experiment={
            "command": ("bash", "autoresearch.sh"),
            "editable": ("src/**",),
            "metric": "startup_ms",
            "direction": "lower",
            "level": "supervised",
        },
    ),
    "the original under other names": Layout(
        {
            "core.py": (
                '"""Fixed."""\n'
                "\n"
                "import numpy as np\n"
                "\n"
                "TIME_BUDGET = 2\n"
                "MAX_SEQ_LEN = 8\n"
                "\n"
                "\n"
                "def make_dataloader(split):\n"
                "    while True:\n"
                "        yield np.zeros((4, MAX_SEQ_LEN))\n"
                "\n"
                "\n"
                "def evaluate_nll(model):\n"
                "    return 0.5 + abs(model)\n"
            ),
            "experiment.py": (
                "import time\n"
                "\n"
                "from core import MAX_SEQ_LEN, TIME_BUDGET, evaluate_nll, "
                "make_dataloader\n"
                "\n"
                "TOTAL_BATCH_SIZE = 64\n"
                "total_training_time, step = 0.0, 0\n"
                'for batch in make_dataloader("train"):\n'
                "    begin = time.time()\n"
                "    dt = time.time() - begin\n"
                "    if step > 10:\n"
                "        total_training_time += dt\n"
                "    step += 1\n"
                "    if total_training_time >= TIME_BUDGET:\n"
                "        break\n"
                "val_nll = evaluate_nll(0.1)\n"
                'print(f"val_nll: {val_nll:.6f}")\n'
            ),
            "program.md": (
                "# lab\n"
                "\n"
                "The training script runs for a **fixed time budget of 3 minutes**. You "
                "launch it simply as:\n"
                "`python experiment.py`.\n"
                "\n"
                "**What you CAN do:**\n"
                "- Modify `experiment.py` — this is the only file you edit.\n"
                "\n"
                "**What you CANNOT do:**\n"
                "- Modify `core.py`. It is read-only.\n"
                "- Install new packages or add dependencies.\n"
                "- Use more than one thread for the search.\n"
                "\n"
                "**The goal is simple: get the lowest val_nll.**\n"
                "\n"
                "1. Run the experiment: `python experiment.py > run.log 2>&1`\n"
                '2. Read out the results: `grep "^val_nll:" run.log`\n'
                "\n"
                "Log to `ledger.jsonl`.\n"
            ),
            ".gitignore": ("ledger.jsonl\nrun.log\n"),
        },
        experiment={
            "script": "experiment.py",
            "editable": ("experiment.py",),
            "metric": "val_nll",
            "direction": "lower",
            "level": "supervised",
        },
    ),
    "a script for several cards": Layout(
        {
            "program.md": (
                "# Speedrun\n"
                "\n"
                "Edit `train_gpt.py`. Run `torchrun --standalone --nproc_per_node=8 "
                "train_gpt.py > log.txt`. Report val_loss; lower is better. Time limit: "
                "10 minutes.\n"
            ),
            "train_gpt.py": (
                "import os\n"
                "\n"
                "def print0(s):\n"
                "    print(s)\n"
                "\n"
                "val_loss = 3.28\n"
                "print0(f'step:{10} val_loss:{val_loss:.4f} train_time:{1}ms')\n"
            ),
        },
        experiment={
            "command": ("torchrun", "--standalone", "--nproc_per_node=8", "train_gpt.py"),
            "editable": ("train_gpt.py",),
            "metric": "val_loss",
            "direction": "lower",
            "level": "claimed",
        },
    ),
    "cat in R": Layout(
        {
            "program.md": (
                "# Forecast\n"
                "\n"
                "You may modify `model.R` only; `evaluate.R` is read-only. Run with "
                "`Rscript evaluate.R`. Lower RMSE is better.\n"
            ),
            "model.R": "f <- function(x) x\n",
            "evaluate.R": ("source('model.R')\ncat('RMSE:', sqrt(mean(c(1,2))), '\\n')\n"),
        },
        experiment={
            "command": ("Rscript", "evaluate.R"),
            "editable": ("model.R",),
            "metric": "RMSE",
            "direction": "lower",
            "level": "supervised",
        },
    ),
    "a build tool and a fixed program in Java": Layout(
        {
            "program.md": (
                "# JMH\n"
                "\n"
                "Edit `src/main/java/Sort.java`. Run `./gradlew bench`. Higher "
                "ops_per_sec is better. Never touch `src/bench/java/Bench.java`.\n"
            ),
            "gradlew": "#!/bin/sh\n",
            "build.gradle": "task bench {}\n",
            "src/main/java/Sort.java": "class Sort {}\n",
            "src/bench/java/Bench.java": (
                "class Bench { public static void main(String[] a) { "
                'System.out.println("ops_per_sec: " + 3.0); } }\n'
            ),
        },
        experiment={
            "command": ("./gradlew", "bench"),
            "editable": ("src/main/java/Sort.java",),
            "metric": "ops_per_sec",
            "direction": "higher",
            "level": "supervised",
        },
    ),
    "a metric with a number, and a limit beside it": Layout(
        {
            "program.md": (
                "# Search\n"
                "\n"
                "## Objective\n"
                "\n"
                "Maximize **recall@10** while keeping `latency_ms` below 50.\n"
                "\n"
                "## Rules\n"
                "\n"
                "- You may only edit `index.py`.\n"
                "- Don't change `bench.py`.\n"
                "\n"
                "## Run\n"
                "\n"
                "    python bench.py --queries 100\n"
                "\n"
                "Prints `recall@10: <value>` and `latency_ms: <value>`.\n"
            ),
            "index.py": "x = 1\n",
            "bench.py": (
                "import index\n"
                "\n"
                "r, l = 0.5, 10.0\n"
                "print(f'recall@10: {r:.4f}')\n"
                "print(f'latency_ms: {l:.1f}')\n"
            ),
        },
        experiment={
            "command": ("python", "bench.py"),
            "editable": ("index.py",),
            "metric": "recall@10",
            "direction": "higher",
            "level": "supervised",
        },
    ),
    "a loop that prints a key and a value": Layout(
        {
            "CLAUDE.md": (
                "# Autonomous research\n"
                "\n"
                "Loop: modify `features.py`, run `python pipeline.py`, compare `cv_auc` "
                "in the output (higher is better). Never modify `pipeline.py`. Results "
                "are in `results.csv`.\n"
            ),
            "features.py": "x = 1\n",
            "pipeline.py": (
                "import csv\n"
                "import features\n"
                "\n"
                "scores = {'cv_auc': 0.8, 'holdout_auc': 0.7}\n"
                "for k, v in scores.items():\n"
                "    print(k, v)\n"
            ),
            ".gitignore": "results.csv\n",
        },
        experiment={
            "command": ("python", "pipeline.py"),
            "editable": ("features.py",),
            "metric": "cv_auc",
            "metric_from": rf"""regex:^\W*cv_auc\s+{_NUMBER}""",
            "direction": "higher",
            "level": "supervised",
        },
    ),
    "a script for Deno": Layout(
        {
            "program.md": (
                "# TS\n"
                "\n"
                "Optimize `lib/sort.ts`. Run `deno run -A bench.ts`. Minimize total_ms. "
                "Do not edit `bench.ts`.\n"
            ),
            "deno.json": "{}\n",
            "lib/sort.ts": "export const f = 1;\n",
            "bench.ts": (
                "import {f} from './lib/sort.ts';\nconst ms = f;\nconsole.log('total_ms:', ms);\n"
            ),
        },
        experiment={
            "command": ("deno", "run", "-A", "bench.ts"),
            "editable": ("lib/sort.ts",),
            "metric": "total_ms",
            "direction": "lower",
            "level": "supervised",
        },
    ),
    "a program of CUDA that is built first": Layout(
        {
            "program.md": (
                "# Kernel\n"
                "\n"
                "Only change `kernel.cu`.\n"
                "\n"
                "Build and run:\n"
                "\n"
                "```bash\n"
                "nvcc -O3 -o bench main.cu kernel.cu && ./bench\n"
                "```\n"
                "\n"
                "The score is TFLOPS, higher is better. Loop.\n"
            ),
            "kernel.cu": "\n",
            "main.cu": (
                'int main() { printf("time: %.3f ms\\n", 1.0); printf("TFLOPS: %.2f\\n", 2.0); }\n'
            ),
            ".gitignore": "bench\n",
        },
        experiment={
            "command": ("sh", "-c", "nvcc -O3 -o bench main.cu kernel.cu && ./bench"),
            "editable": ("kernel.cu",),
            "metric": "TFLOPS",
            "direction": "higher",
            "level": "supervised",
        },
    ),
    "a shell script that starts a program": Layout(
        {
            "AGENTS.md": (
                "# Agents\n"
                "\n"
                "You run experiments in a loop. The mutable file is "
                "`configs/model.yaml`. Run `./scripts/run_eval.sh`. Goal: maximize "
                "accuracy.\n"
            ),
            "configs/model.yaml": "a: 1\n",
            "scripts/run_eval.sh": (
                "#!/bin/bash\npython tools/eval.py --config configs/model.yaml\n"
            ),
            "tools/eval.py": ("acc = 0.5\nprint('accuracy', acc, sep=': ')\n"),
        },
        experiment={
            "command": ("bash", "scripts/run_eval.sh"),
            "editable": ("configs/model.yaml",),
            "metric": "accuracy",
            "direction": "higher",
            "level": "supervised",
        },
    ),
    "two projects of one kind": Layout(
        {
            "a/program.md": (
                "# lab\n"
                "\n"
                "The training script runs for a **fixed time budget of 3 minutes**. You "
                "launch it simply as:\n"
                "`uv run train.py`.\n"
                "\n"
                "**What you CAN do:**\n"
                "- Modify `train.py` — this is the only file you edit.\n"
                "\n"
                "**What you CANNOT do:**\n"
                "- Modify `prepare.py`. It is read-only.\n"
                "- Install new packages or add dependencies.\n"
                "- Use more than one thread for the search.\n"
                "\n"
                "**The goal is simple: get the lowest val_bpb.**\n"
                "\n"
                "1. Run the experiment: `uv run train.py > run.log 2>&1`\n"
                '2. Read out the results: `grep "^val_bpb:" run.log`\n'
            ),
            "a/prepare.py": (
                '"""Fixed."""\n'
                "\n"
                "import numpy as np\n"
                "\n"
                "TIME_BUDGET = 2\n"
                "MAX_SEQ_LEN = 8\n"
                "\n"
                "\n"
                "def make_dataloader(split):\n"
                "    while True:\n"
                "        yield np.zeros((4, MAX_SEQ_LEN))\n"
                "\n"
                "\n"
                "def evaluate_bpb(model):\n"
                "    return 0.5 + abs(model)\n"
            ),
            "a/train.py": (
                "import time\n"
                "\n"
                "from prepare import MAX_SEQ_LEN, TIME_BUDGET, evaluate_bpb, "
                "make_dataloader\n"
                "\n"
                "TOTAL_BATCH_SIZE = 64\n"
                "total_training_time, step = 0.0, 0\n"
                'for batch in make_dataloader("train"):\n'
                "    begin = time.time()\n"
                "    dt = time.time() - begin\n"
                "    if step > 10:\n"
                "        total_training_time += dt\n"
                "    step += 1\n"
                "    if total_training_time >= TIME_BUDGET:\n"
                "        break\n"
                "val_bpb = evaluate_bpb(0.1)\n"
                'print(f"val_bpb: {val_bpb:.6f}")\n'
            ),
            "b/program.md": (
                "# lab\n"
                "\n"
                "The training script runs for a **fixed time budget of 3 minutes**. You "
                "launch it simply as:\n"
                "`uv run train.py`.\n"
                "\n"
                "**What you CAN do:**\n"
                "- Modify `train.py` — this is the only file you edit.\n"
                "\n"
                "**What you CANNOT do:**\n"
                "- Modify `prepare.py`. It is read-only.\n"
                "- Install new packages or add dependencies.\n"
                "- Use more than one thread for the search.\n"
                "\n"
                "**The goal is simple: get the lowest val_bpb.**\n"
                "\n"
                "1. Run the experiment: `uv run train.py > run.log 2>&1`\n"
                '2. Read out the results: `grep "^val_bpb:" run.log`\n'
            ),
            "b/prepare.py": (
                '"""Fixed."""\n'
                "\n"
                "import numpy as np\n"
                "\n"
                "TIME_BUDGET = 2\n"
                "MAX_SEQ_LEN = 8\n"
                "\n"
                "\n"
                "def make_dataloader(split):\n"
                "    while True:\n"
                "        yield np.zeros((4, MAX_SEQ_LEN))\n"
                "\n"
                "\n"
                "def evaluate_bpb(model):\n"
                "    return 0.5 + abs(model)\n"
            ),
            "b/train.py": (
                "import time\n"
                "\n"
                "from prepare import MAX_SEQ_LEN, TIME_BUDGET, evaluate_bpb, "
                "make_dataloader\n"
                "\n"
                "TOTAL_BATCH_SIZE = 64\n"
                "total_training_time, step = 0.0, 0\n"
                'for batch in make_dataloader("train"):\n'
                "    begin = time.time()\n"
                "    dt = time.time() - begin\n"
                "    if step > 10:\n"
                "        total_training_time += dt\n"
                "    step += 1\n"
                "    if total_training_time >= TIME_BUDGET:\n"
                "        break\n"
                "val_bpb = evaluate_bpb(0.1)\n"
                'print(f"val_bpb: {val_bpb:.6f}")\n'
            ),
        },
        refused="pytest-ouro init --script a/train.py",
    ),
}
