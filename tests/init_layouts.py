"""Layouts of experiments as they are found in public repositories, made small.

`LAYOUTS` maps a name to the files of a repository, the options of ``init``, and what is expected:
fields of the experiment, words of the report, checks that are there or missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

HARNESS = '''\
"""Fixed."""

import numpy as np

TIME_BUDGET = 2
MAX_SEQ_LEN = 8


def make_dataloader(split):
    while True:
        yield np.zeros((4, MAX_SEQ_LEN))


def evaluate_bpb(model):
    return 0.5 + abs(model)
'''
SCRIPT = """\
import time

from prepare import MAX_SEQ_LEN, TIME_BUDGET, evaluate_bpb, make_dataloader

TOTAL_BATCH_SIZE = 64
total_training_time, step = 0.0, 0
for batch in make_dataloader("train"):
    begin = time.time()
    dt = time.time() - begin
    if step > 10:
        total_training_time += dt
    step += 1
    if total_training_time >= TIME_BUDGET:
        break
val_bpb = evaluate_bpb(0.1)
print(f"val_bpb: {val_bpb:.6f}")
"""
IGNORED = "__pycache__/\nresults.tsv\nrun.log\n"
PLAIN = {"prepare.py": HARNESS, "train.py": SCRIPT, ".gitignore": IGNORED}
PROGRAM = """\
# lab

The training script runs for a **fixed time budget of 3 minutes**. You launch it simply as:
`{command}`.

**What you CAN do:**
- Modify `{editable}` — this is the only file you edit.

**What you CANNOT do:**
- Modify `{fixed}`. It is read-only.
- Install new packages or add dependencies.
- Use more than one thread for the search.

**The goal is simple: get the {word} {metric}.**

1. Run the experiment: `{command} > run.log 2>&1`
2. Read out the results: `grep "^{metric}:" run.log`
"""
SESSION = """\
# Autoresearch: {metric}

## Metrics
- **Primary**: `{metric}` ({unit}, {direction} is better)

## How to Run
`./autoresearch.sh` — outputs `METRIC name=number` lines.

## Files in Scope
- `{editable}` — all of the code

## Off Limits
- `{fixed}` — tests must pass but do not change them.

## Constraints
- No new dependencies of any kind.
"""
SCRIPTED = '#!/bin/bash\nset -e\n{run}\necho "METRIC {metric}=$RESULT"\n'


def program(**words: str) -> str:
    """Return a program.md in the words of the original."""
    known = {"command": "uv run train.py", "editable": "train.py", "fixed": "prepare.py"}
    return PROGRAM.format(**known | {"metric": "val_bpb", "word": "lowest"} | words)


def session(run: str, source: str, fixed: str, metric: str, direction: str, unit: str):
    """Return the files of a session that a shell script measures."""
    words = {"metric": metric, "direction": direction, "unit": unit}
    return {
        "autoresearch.md": SESSION.format(editable=source, fixed=fixed, **words),
        "autoresearch.sh": SCRIPTED.format(run=run, metric=metric),
        source: "code\n",
        fixed: "tests\n",
    }


@dataclass(frozen=True)
class Layout:
    """Files of a repository, options, and what is expected of ``init``.

    ``experiment`` are fields of the bound's experiment, ``says`` are words of its output,
    ``checks`` and ``lacks`` are checks that a rule has and that no rule has. ``later`` are files
    that git does not track. With ``refused`` the status is 2, and the help calls ``init`` again.
    """

    files: dict[str, str]
    args: tuple[str, ...] = ()
    experiment: dict[str, Any] = field(default_factory=dict)
    says: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    later: dict[str, str] = field(default_factory=dict)
    refused: str = ""
    folder: str = ""


def changed(files: dict[str, str], name: str, *pairs: tuple[str, str]) -> dict[str, str]:
    """Return the files with texts of one of them replaced; each must be there."""
    text = files[name]
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return {**files, name: text}


ADDS = ("if step > 10:", "if step >= WARMUP:"), ("step = 0.0, 0", "step = 0.0, 0\nWARMUP = 3")
NO_LOADER = {
    "prepare.py": "TIME_BUDGET = 1\n\n\ndef evaluate(model):\n    return 0.8 - model\n",
    "train.py": "from prepare import TIME_BUDGET, evaluate\n\nval_auc = evaluate(0.1)\n"
    'print(f"val_auc: {val_auc:.4f}")\n',
}
NAMED = {
    "bench/__init__.py": "",
    "bench/judge.py": "def measure(plan):\n    return len(plan)\n",
    "solve.py": "from bench.judge import measure\n\nwins = measure([1])\nprint(f'wins: {wins}')\n",
}
LATE = "t_start = time.time()\n    total_training_time += dt"
KERNEL = 'from kernels import get_kernel\n\nfast = get_kernel("a/b")\n'
SINGLE = 'loss = 2.5\nprint(f"step 1 loss: {loss}")\nprint(f"val_loss: {loss:.4f}")\n'
SANDBOXED = changed(
    PLAIN,
    "prepare.py",
    ("import numpy as np\n", "import torch\n"),
    ("np.zeros((4", "torch.zeros((4"),
    ("TIME_BUDGET = 2\n", 'DATA_DIR = "~/.cache/lab"\nVAL_FILENAME = "val.bin"\nTIME_BUDGET = 2\n'),
)
RUST = session("cargo bench", "src/lib.rs", "tests/check.rs", "total_us", "lower", "µs")

TIMED = "    if step > 10:\n        total_training_time += dt\n"
ADDED = "    total_training_time += dt"
#: Other spellings of first steps that are not timed, and one more than their number.
WARM_UP = {
    f"    if step != 0:\n    {ADDED}\n": 2,
    f"    if step:\n    {ADDED}\n": 2,
    f"    if not step < 3:\n    {ADDED}\n": 4,
    f"    if step <= 3:\n        pass\n    else:\n    {ADDED}\n": 5,
    f"    if step == 0:\n        pass\n    else:\n    {ADDED}\n": 2,
    f"{ADDED} if step >= 3 else 0.0\n": 4,
    "    total_training_time += 0.0 if step < 3 else dt\n": 4,
    f"{ADDED}\n    if step == 2:\n        total_training_time = 0.0\n": 4,
}

LAYOUTS: dict[str, Layout] = {
    "the original": Layout(
        PLAIN,
        experiment={"script": "train.py", "harness": "prepare.py", "warmup_tokens": 12 * 64},
        checks=("budget-exact", "frozen-symbol"),
    ),
    "a harness without batches": Layout(
        NO_LOADER,
        ("--direction", "higher"),
        {"metric": "val_auc", "evaluate": "evaluate"},
        says=("defines no make_dataloader",),
        lacks=("budget-exact",),
    ),
    "a harness of another name in a package": Layout(
        NAMED,
        ("--budget", "60"),
        {"script": "solve.py", "harness": "bench/judge.py", "evaluate": "measure"},
    ),
    "no time in the harness": Layout(
        changed(PLAIN, "prepare.py", ("TIME_BUDGET = 2\n", "")),
        experiment={"budget": 300},
        says=("assumed: the training takes at most 300 s",),
        lacks=("budget-exact",),
    ),
    "warm-up by a named constant": Layout(
        changed(PLAIN, "train.py", *ADDS), experiment={"warmup_tokens": 4 * 64}
    ),
    "warm-up behind a guard of the rank": Layout(
        changed(PLAIN, "train.py", ("if step > 10:", "if IS_MASTER and 10 < step:")),
        experiment={"warmup_tokens": 12 * 64},
    ),
    "warm-up as an option of the script": Layout(
        changed(
            PLAIN,
            "train.py",
            ("if step > 10:", "if step > args.warmup_steps:"),
            (
                "TOTAL_BATCH_SIZE = 64\n",
                "BATCH_SIZE = 4\nSEQ_LEN = 8\nparser = object()\n"
                'parser.add_argument("--warmup-steps", type=int, default=5)\n',
            ),
        ),
        experiment={"warmup_tokens": 7 * 32},
    ),
    "warm-up by a clock that starts late": Layout(
        changed(
            PLAIN,
            "train.py",
            (
                "    if step > 10:\n        total_training_time += dt\n",
                "    if step == 5:\n        t_start = time.time()\n    total_training_time += dt\n",
            ),
        ),
        experiment={"warmup_tokens": 6 * 64},
    ),
    **{
        f"warm-up: {' '.join(lines.split())}": Layout(
            changed(PLAIN, "train.py", (TIMED, lines)), experiment={"warmup_tokens": steps * 64}
        )
        for lines, steps in WARM_UP.items()
    },
    "warm-up that is not read": Layout(
        changed(PLAIN, "train.py", ("if step > 10:", "if is_warm(step):")),
        experiment={"warmup_tokens": 0},
        says=("times only some steps: if the first are not among them, warm-up",),
    ),
    "warm-up that only a run would count": Layout(
        changed(PLAIN, "train.py", ("step > 10", "step > count()")),
        experiment={"warmup_tokens": 0},
        says=("leaves its first steps untimed, warm-up, but how many cannot be read",),
    ),
    "warm-up without the size of a batch": Layout(
        changed(PLAIN, "train.py", ("TOTAL_BATCH_SIZE = 64\n", "")),
        says=("leaves 11 steps untimed, warm-up, but states no TOTAL_BATCH_SIZE",),
    ),
    "a harness for a judge, without torch": Layout(
        {
            **PLAIN,
            "prepare.py": HARNESS + "\n\nclass Tokenizer:\n    pass\n\n\ndef get_token_bytes"
            "(device):\n    return [1]\n",
        },
        experiment={"level": "supervised"},
        says=("no judge can score it: prepare.py does not use torch",),
    ),
    "a kernel from a hub": Layout(
        changed(
            SANDBOXED,
            "train.py",
            (
                "import time\n",
                'import time\nfrom kernels import get_kernel\nfast = get_kernel("a/b")\n',
            ),
        ),
        experiment={"highest": "judged", "validation": ("~/.cache/lab/val.bin",)},
        says=("train.py:3 loads a/b from a hub, and a sandboxed run has no network",),
    ),
    "a model from a folder, by torch.hub": Layout(
        changed(
            SANDBOXED,
            "train.py",
            (
                "import time\n",
                'import time\nimport torch\nnet = torch.hub.load("./lab", "net", source="local")\n',
            ),
        ),
        experiment={"highest": "sandboxed", "validation": ("~/.cache/lab/val.bin",)},
    ),
    "an evaluation that returns a dictionary": Layout(
        changed(
            PLAIN,
            "train.py",
            ("val_bpb = evaluate_bpb(0.1)\n", "found = evaluate_bpb(0.1)\n"),
            ("{val_bpb:.6f}", "{found['val_bpb']:.6f}"),
        ),
        experiment={"metric": "val_bpb"},
    ),
    "an evaluation that returns two numbers": Layout(
        changed(PLAIN, "train.py", ("val_bpb = eval", "val_bpb, accuracy = eval")),
        ("--direction", "lower"),
        {"command": ("python", "train.py"), "level": "claimed", "metric_which": "last"},
        says=("the level is claimed",),
    ),
    "a script that measures itself": Layout(
        {"train.py": SINGLE, ".gitignore": IGNORED},
        ("--metric", "val_loss", "--budget", "60"),
        {"command": ("python", "train.py"), "editable": ("train.py",), "level": "claimed"},
    ),
    "instructions in the original's words": Layout(
        {**PLAIN, "program.md": program()},
        experiment={"editable": ("train.py",), "direction": "lower"},
        says=("from the preset autoresearch and program.md",),
        checks=("dependencies", "human"),
    ),
    "a fixed back test of a strategy": Layout(
        {
            "program.md": program(
                command="python backtest.py",
                editable="strategy.py",
                fixed="backtest.py",
                metric="score",
                word="highest",
            ),
            "backtest.py": "import strategy\n\nprint(f'score: {strategy.rate()}')\n",
            "strategy.py": "def rate():\n    return 2.7\n",
        },
        experiment={
            "command": ("python", "backtest.py"),
            "editable": ("strategy.py",),
            "direction": "higher",
            "budget": 180,
            "level": "supervised",
        },
    ),
    "a session in Rust": Layout(
        {**RUST, "Cargo.toml": "[package]\n"},
        experiment={
            "command": ("bash", "autoresearch.sh"),
            "editable": ("src/lib.rs",),
            "metric": "total_us",
            "direction": "lower",
            "unit": "",
        },
        checks=("frozen",),
        lacks=("dependencies",),
    ),
    "a session in Ruby": Layout(
        session("ruby bench.rb", "lib/view.rb", "test/t.rb", "composite", "higher", "i/s"),
        experiment={"metric": "composite", "direction": "higher", "editable": ("lib/view.rb",)},
    ),
    "a session in Go": Layout(
        session("go test -bench .", "pool/pool.go", "pool/x_test.go", "ns_op", "lower", "ns"),
        experiment={"metric": "ns_op", "editable": ("pool/pool.go",)},
    ),
    "a session in TypeScript": Layout(
        session("npm run bench", "src/parse.ts", "test/p.ts", "parse_ms", "lower", "ms"),
        experiment={"metric": "parse_ms", "direction": "lower"},
    ),
    "a session with settings": Layout(
        {
            "autoresearch.toml": 'target_file = "knobs.vars"\neval_command = "./rate.sh"\n'
            'metric_name = "answers"\nmetric_direction = "maximize"\ntime_budget_seconds = 90\n',
            "knobs.vars": "K=1\n",
            "rate.sh": "echo 0.5\n",
        },
        experiment={
            "command": ("bash", "rate.sh"),
            "editable": ("knobs.vars",),
            "metric": "answers",
            "direction": "higher",
            "budget": 90,
        },
    ),
    "times beside a metric": Layout(
        {
            "bench.py": "import plan\n\nprint(f'time: {plan.t}')\nprint(f'accuracy: {plan.a}')\n",
            "plan.py": "t = a = 1\n",
        },
        experiment={"metric": "accuracy", "direction": "higher", "editable": ("plan.py",)},
    ),
    "a shell script and an option": Layout(
        {"bench.sh": "gcc kernel.c && ./a.out\n", "kernel.c": "int main;\n"},
        ("--command", "bash bench.sh", "--metric", "run_ms", "--unit", "ms"),
        {"command": ("bash", "bench.sh"), "unit": "ms", "editable": ("kernel.c",)},
        says=("assumed: an experiment changes kernel.c", "at most 600 s"),
    ),
    "words for a shell": Layout(
        {"Makefile": "bench:\n", "src/main.c": "int main;\n"},
        ("--command", "make bench | tail -n 1", "--metric", "ops", "--plausible", "0", "9"),
        {
            "command": ("sh", "-c", "make bench | tail -n 1"),
            "plausible": (0, 9),
            "direction": "higher",
            "editable": ("src/**",),
            "level": "claimed",
        },
    ),
    "JSON that is printed": Layout(
        {
            "score.py": 'import json\n\nimport plan\n\nprint(json.dumps({"gap": plan.gap()}))\n',
            "plan.py": "def gap():\n    return 1\n",
        },
        experiment={"metric": "gap", "metric_from": "json:gap", "editable": ("plan.py",)},
    ),
    "an evaluation apart": Layout(
        {"fit.py": "open('out.txt', 'w').write('1')\n", "rate.py": "print('error: 1')\n"},
        (
            "--command",
            "python fit.py",
            "--evaluate-command",
            "python rate.py",
            "--metric",
            "error",
            "--editable",
            "fit.py",
        ),
        {"evaluate_command": ("python", "rate.py"), "level": "supervised", "metric_which": "only"},
    ),
    "the script in a folder": Layout(
        {f"lab/{name}": text for name, text in PLAIN.items()},
        experiment={"root": "lab", "script": "train.py"},
    ),
    "a folder of a larger repository": Layout(
        {f"lab/{name}": text for name, text in PLAIN.items()} | {"web/site.py": "pass\n"},
        folder="lab",
        says=('within = "." lets the scope watch lab alone',),
    ),
    "a table of results in git": Layout(
        {
            **PLAIN,
            "results.tsv": "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n",
            ".gitignore": "__pycache__/\n",
        },
        experiment={"ledger": "ouro-results.tsv"},
        says=("results.tsv is in git", "git rm --cached results.tsv"),
    ),
    "a harness that is not committed": Layout(
        {"train.py": SCRIPT, ".gitignore": IGNORED},
        later={"prepare.py": HARNESS},
        says=("not committed: prepare.py", "git add -- prepare.py && git commit"),
    ),
    "files that lie about": Layout(
        PLAIN,
        later={"notes.bin": "x", "data/a.npy": "x", "data/b.npy": "y"},
        says=("neither in git nor ignored: data/, notes.bin", ">> .gitignore"),
    ),
    "a short run, a goal in a sentence, and a share in percent": Layout(
        {
            "program.md": "# Attack\n\n## Goal\n\nMaximize the success rate (ASR).\n\n"
            "1. Run `python run.py --quick` first, then `python run.py`\n\n"
            "Only modify `attack.py`. Never touch `prepare.py` or `run.py`.\n",
            "run.py": "import attack\n\nwon = total = attack.x\n"
            'print(f"Experiment: {won}")\nprint(f"RESULT: ASR = {won * 100:.2f}% +/- {total}")\n',
            "attack.py": "x = 1\n",
            "prepare.py": "pass\n",
        },
        ("--direction", "higher"),
        {
            "command": ("python", "run.py"),
            "editable": ("attack.py",),
            "metric": "ASR",
            "unit": "%",
            "level": "supervised",
        },
    ),
    "a harness that prints the keys of its dictionary": Layout(
        {
            "degen.md": "# Loop\n\n- `strategy.py` - the only file you edit. Never stop.\n"
            "- `composite` - single optimization target (higher = better)\n",
            "strategy.py": "from prepare import evaluate\n\nevaluate(1)\n",
            "prepare.py": "def evaluate(plan):\n"
            '    found = {"composite": 1.0, "win_rate": 0.5, "decay": 2.0}\n'
            '    for key in ["composite", "win_rate"]:\n'
            '        print(f"{key}={found[key]:.6f}")\n    return found\n',
        },
        ("--budget", "60"),
        {"script": "strategy.py", "evaluate": "evaluate", "metric": "composite"},
    ),
    "a formula of the score": Layout(
        {
            "program.md": "# Loop\n\n## Rule\n\nRank experiments by:\n\n"
            "```text\nscore = mse + 0.25 * drift\n```\n\nLower is better.\n\n"
            "Run `python train.py`; you edit `train.py`.\n",
            "train.py": "from fixed import evaluate\n\nfound = evaluate(1)\n"
            'for key, value in found.items():\n    print(f"{key}: {value:.4f}")\n',
            "fixed.py": "def evaluate(model):\n"
            '    return {"mse": 1.0, "drift": 2.0, "score": 1.5}\n',
        },
        ("--budget", "60"),
        {"script": "train.py", "metric": "score", "direction": "lower"},
    ),
    "a label of two words": Layout(
        {
            "program.md": "# Loop\n\nMaximise the composite score.\n\n"
            "```\npython tools/run.py --id first\n```\n\nOnly modify `SKILL.md`.\n"
            "Never modify files in `tools/`.\n\n1. Run it:\n```\npython tools/run.py \\\n"
            "  --id first\n```\n",
            "tools/run.py": "import argparse\n\np = argparse.ArgumentParser()\n"
            'p.add_argument("--id", required=True)\nx = 1\nprint(f"RUN: {p}")\n'
            'print(f"\\nCOMPOSITE SCORE: {x:.4f}")\n',
            "SKILL.md": "Be brief.\n",
        },
        experiment={
            "command": ("python", "tools/run.py", "--id", "first"),
            "editable": ("SKILL.md",),
            "metric": "composite_score",
            "metric_from": r"regex:^\W*COMPOSITE SCORE\s*[:=]\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)",
            "direction": "higher",
        },
    ),
    "an option that only the README gives": Layout(
        {
            "program.md": "# Loop\n\nOptimize the validation AUC.\n\nOnly edit `net.py`.\n",
            "README.md": "## Basic example\n\n```bash\npython train.py \\\n  --name first\n```\n",
            "net.py": "auc = loss = 1\n",
            "train.py": "import argparse\nimport net\n\np = argparse.ArgumentParser()\n"
            'p.add_argument("--name", required=True)\n'
            'print(f"best_val_auc: {net.auc}")\nprint(f"best_val_loss: {net.loss}")\n',
        },
        experiment={
            "command": ("python", "train.py", "--name", "first"),
            "metric": "best_val_auc",
            "editable": ("net.py",),
        },
    ),
    "an option that nothing gives": Layout(
        {
            "score.py": "import argparse\nimport plan\n\np = argparse.ArgumentParser()\n"
            'p.add_argument("--name", required=True)\nprint(f"score: {plan.x}")\n',
            "plan.py": "x = 1\n",
        },
        refused="pytest-ouro init --command 'python score.py --name …'",
    ),
    "a program that is built first": Layout(
        {
            "program.md": "# Loop\n\n1. Compile:\n   ```\n   g++ -o game game.cpp\n   ```\n"
            "2. Run: `./game next.json`\n\nNever modify `game.cpp`.\n",
            "README.md": "```\n# run it\n./game first.json\n```\n\nRun `./game first.json`.\n",
            "game.cpp": 'int main() { printf("Accuracy: %.1f%%\\n", 4.5); }\n',
            "first.json": "[]\n",
        },
        experiment={
            "command": ("sh", "-c", "g++ -o game game.cpp && ./game first.json"),
            "editable": ("first.json",),
            "metric": "Accuracy",
            "unit": "%",
            "level": "supervised",
        },
    ),
    "a session beside a script with a harness": Layout(
        {
            **NAMED,
            **session("python -m bench.judge", "a/b.py", "test/t.py", "bits", "lower", "bit"),
            "autoresearch.sh": "uv run -m judge ${CANDIDATE:-plans/first.py} ${DATA:-x.npy}\n"
            'echo "METRIC bits=$BITS"\n',
            "autoresearch.md": "# Loop\n\n- **Primary**: `bits` (lower is better)\n",
            "plans/first.py": "pass\n",
        },
        experiment={"command": ("bash", "autoresearch.sh"), "editable": ("plans/first.py",)},
    ),
    "a session that prints a number alone": Layout(
        {
            "autoresearch.toml": 'target_file = "knobs.vars"\neval_command = "./rate.sh"\n'
            'metric_name = "answers"\nmetric_direction = "maximize"\n'
            "[bounds]\nimplausible_above = 1.0\nimplausible_below = 0.0\n",
            "knobs.vars": "K=1\n",
            "rate.sh": "jq -r .accuracy found.json\n",
        },
        experiment={
            "metric_from": r"regex:^\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*$",
            "plausible": (0.0, 1.0),
        },
    ),
    "a script that evaluates two models": Layout(
        {
            "train.py": "from prepare import evaluate\n\nbase = evaluate(1)\nnew = evaluate(2)\n"
            'print(f"baseline_accuracy: {base}")\nprint(f"trained_accuracy: {new}")\n',
            "prepare.py": "def evaluate(model):\n    return model\n",
        },
        experiment={"command": ("python", "train.py"), "metric": "trained_accuracy"},
    ),
    "several files in a line, and any of a form": Layout(
        {
            "program.md": "# Loop\n\n**What you CAN modify:**\n"
            "- `sets/<name>/fit.py`, `Makefile` \u2014 the work. Not `sets/a/data.py`.\n\n"
            "Run `python eval.py`. The goal: the highest `score`.\n",
            "eval.py": 'import os\n\nprint(f"score: {os.getpid()}")\n',
            "sets/a/fit.py": "",
            "sets/a/data.py": "",
            "sets/b/fit.py": "",
            "Makefile": "",
        },
        experiment={"editable": ("sets/*/fit.py", "Makefile"), "metric": "score"},
    ),
    "a program that must not be run": Layout(
        {
            "program.md": "# Loop\n\nYou only touch files in `notes/`. You never touch `src/`.\n"
            "**DO NOT run run_benchmark.py.** Never stop.\n",
            "run_benchmark.py": 'print(f"score: {1 + 1}")\n',
            "notes/a.md": "",
            "src/a.py": "",
        },
        refused="pytest-ouro init --command 'PROGRAM ARGUMENT …'",
    ),
    "instructions that name another script": Layout(
        {**PLAIN, "program.md": "# Copy\n\nEdit only `copy.md`, in a loop.\nPrimary: clicks\n"},
        says=("program.md does not name train.py: is that what its experiments run?",),
    ),
    "files that a run would not find": Layout(
        {
            "bench.sh": "cargo run --manifest-path /Users/ann/code/x/Cargo.toml\n",
            "a.py": "",
            ".gitignore": "kept.json\n",
        },
        ("--command", "bash bench.sh kept.json gone.json", "--metric", "ops"),
        later={"kept.json": "{}"},
        says=(
            "names kept.json, which is not in git",
            "git add -f kept.json && git commit",
            "names gone.json, which does not exist",
            "bench.sh:1 names /Users/ann/code/x/Cargo.toml, outside of what is committed",
        ),
    ),
    "limits of other numbers": Layout(
        {
            **PLAIN,
            "program.md": program() + "\n## Constraints\n\n- keep `artifact_bytes < 16,000,000`\n"
            "- hold `val_bpb < 3`\n\n## Notes\n\nThe change counts if `p_value < 0.05`.\n",
        },
        says=(
            'this in bound.toml holds runs to that: [[guard]] id = "artifact-bytes" '
            'rule = "artifact_bytes < 16,000,000" metric = "artifact_bytes" at-most = 16000000',
        ),
    ),
    "a metric of unclear direction": Layout(
        {"score.py": "import plan\n\nprint(f'quux: {plan.x}')\n", "plan.py": "x = 1\n"},
        refused="pytest-ouro init --direction lower",
    ),
    "nothing that says what may change": Layout(
        {"bench.sh": 'echo "METRIC ms=$X"\n', "a.c": "", "b.c": ""},
        refused="pytest-ouro init --editable a.c",
    ),
}
