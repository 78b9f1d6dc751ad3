"""Layouts of experiments by how they print what they measure, and by the tool that starts them."""

from __future__ import annotations

from .init_layouts import Layout

_NUMBER = r"([-+]?[\d.]+(?:[eE][-+]?\d+)?)"

PRINTING: dict[str, Layout] = {
    "values by a logger, below src and scripts": Layout(
        {
            "AGENTS.md": (
                "# Agent loop\n"
                "\n"
                "Repeat forever: edit `src/model.py` only, run `python "
                "scripts/evaluate.py --budget 120`, and keep the change if RMSE (lower "
                "is better) improved. `scripts/evaluate.py` is fixed, never modify it. "
                "Log every run in `experiments.csv`.\n"
            ),
            "src/model.py": ("def predict(x):\n    return x\n"),
            "scripts/evaluate.py": (
                "import argparse, logging, sys, time\n"
                "sys.path.insert(0, 'src')\n"
                "import model\n"
                "\n"
                "log = logging.getLogger(__name__)\n"
                "\n"
                "def main():\n"
                "    p = argparse.ArgumentParser()\n"
                "    p.add_argument('--budget', type=float, default=120)\n"
                "    a = p.parse_args()\n"
                "    logging.basicConfig(level=logging.INFO, stream=sys.stdout, "
                "format='%(asctime)s %(message)s')\n"
                "    rmse = abs(model.predict(2) - 1.5)\n"
                "    log.info('RMSE: %.4f', rmse)\n"
                "\n"
                "if __name__ == '__main__':\n"
                "    main()\n"
            ),
        },
        experiment={
            "command": ("python", "scripts/evaluate.py", "--budget", "120"),
            "editable": ("src/model.py",),
            "metric": "RMSE",
            "direction": "lower",
            "level": "supervised",
        },
    ),
    "values by percent and format": Layout(
        {
            "program.md": (
                "# Task\n"
                "\n"
                "You only edit `solver.py`. Run `python bench.py`. Maximize the mAP. "
                "Never stop.\n"
            ),
            "solver.py": ("def detect():\n    return 0.5\n"),
            "bench.py": (
                "import solver\n"
                "\n"
                "m = solver.detect()\n"
                "print('mAP: %.3f' % m)\n"
                "print('latency_ms: {:.2f}'.format(3.0))\n"
            ),
        },
        experiment={
            "command": ("python", "bench.py"),
            "editable": ("solver.py",),
            "metric": "mAP",
            "direction": "higher",
            "level": "supervised",
        },
    ),
    "poetry, a module and a printed dictionary": Layout(
        {
            "README.md": (
                "# Tagger\n"
                "\n"
                "## Autoresearch\n"
                "\n"
                "Loop: change `tagger/features.py`, then run the benchmark:\n"
                "\n"
                "```bash\n"
                "poetry run python -m tagger.evaluate --time-limit 60\n"
                "```\n"
                "\n"
                "Higher f1 is better.\n"
            ),
            "pyproject.toml": ("[tool.poetry]\nname = 'tagger'\n"),
            "poetry.lock": "",
            "tagger/__init__.py": "",
            "tagger/features.py": ("def f():\n    return 1\n"),
            "tagger/evaluate.py": (
                "from tagger import features\n"
                "\n"
                "result = {'f1': 0.5 * features.f(), 'seconds': 1.0}\n"
                "print(result)\n"
            ),
        },
        experiment={
            "command": ("poetry", "run", "python", "-m", "tagger.evaluate", "--time-limit", "60"),
            "editable": ("tagger/features.py",),
            "metric": "f1",
            "direction": "higher",
            "level": "supervised",
        },
    ),
    "conda, and JSON in a file": Layout(
        {
            "program.md": (
                "# Loop\n"
                "\n"
                "Edit `policy.py` only. `conda run -n rl python evaluate.py --episodes "
                "20` writes `metrics.json`; read `mean_reward` in it: maximize it. Never "
                "stop.\n"
            ),
            "environment.yml": "name: rl\n",
            "policy.py": ("def act(s):\n    return 0\n"),
            "evaluate.py": (
                "import json\n"
                "import policy\n"
                "\n"
                "with open('metrics.json', 'w') as f:\n"
                "    json.dump({'mean_reward': 1.5, 'episodes': 20}, f, indent=2)\n"
            ),
        },
        experiment={
            "command": (
                "sh",
                "-c",
                "rm -f metrics.json && conda run -n rl python evaluate.py --episodes 20"
                " && cat metrics.json",
            ),
            "editable": ("policy.py",),
            "metric": "mean_reward",
            "metric_from": "json:mean_reward",
            "direction": "higher",
            "level": "supervised",
        },
    ),
    "a notebook beside a program that measures a module": Layout(
        {
            "README.md": ("# Solver\n\nRun `python evaluate.py` to score `solver.py`.\n"),
            "explore.ipynb": '{"cells": []}\n',
            "solver.py": ("def solve():\n    return 3\n"),
            "evaluate.py": (
                "import solver\n"
                "\n"
                "score = solver.solve()\n"
                "print(f'Final score = {score:.3f} (higher is better)')\n"
            ),
        },
        experiment={
            "command": ("python", "evaluate.py"),
            "editable": ("solver.py",),
            "metric": "score",
            "direction": "higher",
            "level": "supervised",
        },
    ),
    "Cargo, a label of its own and a unit": Layout(
        {
            "program.md": (
                "# Loop\n"
                "\n"
                "- Editable: `src/lib.rs`\n"
                "- Fixed: `src/bin/bench.rs`\n"
                "\n"
                "## Run\n"
                "\n"
                "```\n"
                "cargo run --release --bin bench\n"
                "```\n"
                "\n"
                "Goal: highest throughput.\n"
            ),
            "Cargo.toml": ("[package]\nname='x'\n"),
            "src/lib.rs": "pub fn f() {}\n",
            "src/bin/bench.rs": (
                "fn main() {\n"
                "    let t = 3.0;\n"
                '    println!("throughput: {:.2} ops/s", t);\n'
                '    println!("checksum: {}", 4);\n'
                "}\n"
            ),
        },
        experiment={
            "command": ("cargo", "run", "--release", "--bin", "bench"),
            "editable": ("src/lib.rs",),
            "metric": "throughput",
            "unit": "ops/s",
            "direction": "higher",
            "level": "claimed",
        },
    ),
    "make, C++ and a stream": Layout(
        {
            "program.md": (
                "# Kernel\n"
                "\n"
                "Optimize `kernel.cpp`; you may edit `kernel.cpp` only. Never touch "
                "`main.cpp`.\n"
                "\n"
                "Run: `make bench`\n"
                "\n"
                "Higher gflops is better.\n"
            ),
            "Makefile": (
                "bench: main.cpp kernel.cpp\n"
                "\tg++ -O2 -o bench_bin main.cpp kernel.cpp\n"
                "\t./bench_bin\n"
            ),
            "main.cpp": (
                "#include <iostream>\n"
                "double work();\n"
                "int main() { double g = work();\n"
                '  std::cout << "gflops: " << g << std::endl; }\n'
            ),
            "kernel.cpp": "double work() { return 2.5; }\n",
            ".gitignore": "bench_bin\n",
        },
        experiment={
            "command": ("make", "bench"),
            "editable": ("kernel.cpp",),
            "metric": "gflops",
            "direction": "higher",
            "level": "claimed",
        },
    ),
    "a script of npm and an object of JavaScript": Layout(
        {
            "program.md": (
                "# Parser speed\n"
                "\n"
                "You can modify:\n"
                "- `src/parse.mjs`\n"
                "\n"
                "Cannot modify:\n"
                "- `bench/run.mjs`\n"
                "\n"
                "Loop forever: `npm run bench > run.log 2>&1`, then look at p95_ms. "
                "Lower is better.\n"
            ),
            "package.json": '{"name":"p","scripts":{"bench":"node bench/run.mjs"}}\n',
            "src/parse.mjs": "export const parse = () => 1;\n",
            "bench/run.mjs": (
                "import {parse} from '../src/parse.mjs';\n"
                "const p95 = parse();\n"
                "console.log(JSON.stringify({ p95_ms: p95, runs: 3 }));\n"
            ),
        },
        experiment={
            "command": ("npm", "run", "bench"),
            "editable": ("src/parse.mjs",),
            "metric": "p95_ms",
            "metric_from": "json:p95_ms",
            "direction": "lower",
            "level": "claimed",
        },
    ),
    "a ledger in Markdown": Layout(
        {
            "program.md": (
                "# Loop\n"
                "\n"
                "Modify only `prompt.txt`. Run `python score.py`. Primary metric: "
                "`exact_match`. Append a row to `EXPERIMENTS.md` after each run. Never "
                "stop.\n"
            ),
            "EXPERIMENTS.md": (
                "# Experiments\n"
                "\n"
                "| commit | exact_match | status | note |\n"
                "|---|---|---|---|\n"
                "| abc1234 | 0.5 | keep | base |\n"
            ),
            "prompt.txt": "Hi\n",
            "score.py": "print('exact_match:', round(0.51, 3))\n",
        },
        experiment={
            "metric": "exact_match",
            "direction": "higher",
            "editable": ("prompt.txt",),
            "ledger": "ouro-results.tsv",
        },
    ),
    "a project below": Layout(
        {
            "README.md": "# Mono\n",
            "web/app.js": "1\n",
            "projects/ranker/program.md": (
                "# Loop\n"
                "\n"
                "Only edit `rank.py`. Run `python measure.py`. The goal is the highest "
                "`ndcg`.\n"
            ),
            "projects/ranker/rank.py": "x = 1\n",
            "projects/ranker/measure.py": ("import rank\n\nprint(f'ndcg: {rank.x}')\n"),
        },
        refused="cd projects/ranker && pytest-ouro init",
    ),
    "a time as an option of the script": Layout(
        {
            "harness.py": (
                "import time\n"
                "\n"
                "def load_batches():\n"
                "    while True:\n"
                "        yield [1]\n"
                "\n"
                "def score_model(m):\n"
                "    return 0.5\n"
            ),
            "experiment.py": (
                "import argparse\n"
                "import time\n"
                "\n"
                "from harness import load_batches, score_model\n"
                "\n"
                "p = argparse.ArgumentParser()\n"
                "p.add_argument('--max-seconds', type=int, default=45)\n"
                "a = p.parse_args()\n"
                "t = time.time()\n"
                "for b in load_batches():\n"
                "    if time.time() - t > a.max_seconds:\n"
                "        break\n"
                "score = score_model(1)\n"
                "print('score =', score)\n"
            ),
        },
        experiment={
            "script": "experiment.py",
            "editable": ("experiment.py",),
            "metric": "score",
            "direction": "higher",
            "level": "supervised",
            "budget": 45,
        },
    ),
    "commas in Julia": Layout(
        {
            "program.md": (
                "# Loop\n"
                "\n"
                "Edit `model.jl`, never `eval.jl`. Run `julia --project=. eval.jl`. "
                "Minimize nll.\n"
            ),
            "Project.toml": "",
            "model.jl": "f() = 1\n",
            "eval.jl": ('include("model.jl")\nprintln("nll: ", f())\nprintln("time: ", 3)\n'),
        },
        experiment={
            "command": ("julia", "--project=.", "eval.jl"),
            "editable": ("model.jl",),
            "metric": "nll",
            "direction": "lower",
            "level": "supervised",
        },
    ),
    "a name, a blank and a number": Layout(
        {
            "program.md": (
                "# Loop\n"
                "\n"
                "Edit `net.py`, never `main.py`. Run `python main.py`. Get the highest "
                "test accuracy.\n"
            ),
            "net.py": "a = 0.7\n",
            "main.py": ("import net\n\nprint('test_accuracy', net.a)\nprint('done')\n"),
        },
        experiment={
            "command": ("python", "main.py"),
            "editable": ("net.py",),
            "metric": "test_accuracy",
            "metric_from": rf"""regex:^\W*test_accuracy\s+{_NUMBER}""",
            "direction": "higher",
            "level": "supervised",
        },
    ),
    "a loop over a dictionary": Layout(
        {
            "program.md": (
                "# Loop\n\nEdit `net.py`, never `main.py`. Run `python main.py`. Primary: auc\n"
            ),
            "net.py": "a = 0.7\n",
            "main.py": (
                "import net\n"
                "\n"
                "metrics = {'auc': net.a, 'loss': 0.1}\n"
                "for name, value in metrics.items():\n"
                "    print(f'{name}: {value:.4f}')\n"
            ),
        },
        experiment={
            "command": ("python", "main.py"),
            "editable": ("net.py",),
            "metric": "auc",
            "direction": "higher",
            "level": "supervised",
        },
    ),
    "JSON behind a word": Layout(
        {
            "program.md": (
                "# Loop\n"
                "\n"
                "Edit `net.py`, never `main.py`. Run `python main.py`. Metric: `auc`, "
                "higher is better.\n"
            ),
            "net.py": "a = 0.7\n",
            "main.py": (
                "import json\n"
                "import net\n"
                "\n"
                "metrics = dict(auc=net.a, loss=0.1)\n"
                "print('RESULT', json.dumps(metrics))\n"
            ),
        },
        experiment={
            "command": ("python", "main.py"),
            "editable": ("net.py",),
            "metric": "auc",
            "metric_from": rf"""regex:^\W*RESULT\s*\{{.*["']auc["']:\s*{_NUMBER}""",
            "direction": "higher",
            "level": "supervised",
        },
    ),
    "benchmarks of Go without instructions": Layout(
        {
            "go.mod": "module x\n",
            "pool.go": "package x\n",
            "pool_test.go": ("package x\n\nfunc BenchmarkPool(b *testing.B) {\n}\n"),
        },
        experiment={
            "command": ("go", "test", "-run", "NONE", "-bench", "."),
            "editable": ("pool.go",),
            "metric": "BenchmarkPool_ns",
            "metric_from": rf"""regex:^BenchmarkPool(?:-\d+)?\s+\d+\s+{_NUMBER} ns/op""",
            "direction": "lower",
            "level": "claimed",
        },
    ),
    "a justfile and a module": Layout(
        {
            "CLAUDE.md": (
                "# Loop\n"
                "\n"
                "Never stop. You may edit `algo/sort.py`. Do not edit `algo/bench.py`. "
                "Run `just bench`. Minimize total_ms.\n"
            ),
            "justfile": ("bench:\n    python -m algo.bench\n"),
            "algo/sort.py": "x = 1\n",
            "algo/__init__.py": "",
            "algo/bench.py": ("from algo import sort\n\nprint(f'total_ms: {sort.x}')\n"),
        },
        experiment={
            "command": ("just", "bench"),
            "editable": ("algo/sort.py",),
            "metric": "total_ms",
            "direction": "lower",
            "level": "claimed",
        },
    ),
    "uv and a module below src": Layout(
        {
            "program.md": (
                "# lab\n"
                "\n"
                "The training script runs for a **fixed time budget of 3 minutes**. You "
                "launch it simply as:\n"
                "`uv run python -m lab.run`.\n"
                "\n"
                "**What you CAN do:**\n"
                "- Modify `src/lab/model.py` — this is the only file you edit.\n"
                "\n"
                "**What you CANNOT do:**\n"
                "- Modify `src/lab/run.py`. It is read-only.\n"
                "- Install new packages or add dependencies.\n"
                "- Use more than one thread for the search.\n"
                "\n"
                "**The goal is simple: get the lowest val_loss.**\n"
                "\n"
                "1. Run the experiment: `uv run python -m lab.run > run.log 2>&1`\n"
                '2. Read out the results: `grep "^val_loss:" run.log`\n'
            ),
            "pyproject.toml": ("[project]\nname='lab'\n"),
            "uv.lock": "",
            "src/lab/__init__.py": "",
            "src/lab/model.py": "x=1\n",
            "src/lab/run.py": ("from lab import model\n\nprint(f'val_loss: {model.x:.4f}')\n"),
        },
        experiment={
            "command": ("uv", "run", "--frozen", "python", "-m", "lab.run"),
            "editable": ("src/lab/model.py",),
            "metric": "val_loss",
            "direction": "lower",
            "level": "claimed",
        },
    ),
}
