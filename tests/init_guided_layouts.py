"""Layouts of experiments by how people's words lead to the command, the metric and the files."""

from __future__ import annotations

from .init_layouts import Layout

_NUMBER = r"([-+]?[\d.]+(?:[eE][-+]?\d+)?)"
CHECKED = """\
import kernel

for size in (1, 2):
    print(f"PASS: {size} (max_err={kernel.run(size)})")
took = kernel.run(3)
print(f"latency_us: {took:.2f}")
print(f"throughput: {1 / took:.3f}")
print(f"bytes_moved: {took * 8}")
"""
FLEET = """\
set -e
if [ -z "${FLEET_MODEL:-}" ]; then
    echo "ERROR: FLEET_MODEL is not set" >&2
    exit 1
fi
WARM=3
: "${WARM:?}" "${HOME:?}"
make -C engine
echo "BENCH_RESULT tok_s=$(engine/run "$FLEET_MODEL") status=OK"
"""
NIGHT = """\
# each evening
python fetch.py
claude --print "Edit agent.py, run it, and keep what is better."
"""
SKILL = """\
# Pole

Run the loop with the skill:

```
/autoresearch
Goal: the pole stays up
Scope: pole.py, policies/*.py
Metric: mean reward (higher is better)
Verify: python pole.py 2>&1 | grep 'REWARD:' | tail -1 | awk '{print $2}'
```

The loop goes on until the goal is achieved. `python sweep_all.py` runs four at once, which reports
the best one.
"""

GUIDED: dict[str, Layout] = {
    "labels of how a check ended": Layout(
        {
            "program.md": "# Loop\n\nEdit `kernel.py` only. Run `python bench.py`. Never stop.\n\n"
            "PASS is better than FAIL. Improved means a gain in `throughput` of 1%.\n",
            "bench.py": CHECKED,
            "kernel.py": "def run(size):\n    return 0.5\n",
        },
        experiment={
            "command": ("python", "bench.py"),
            "metric": "throughput",
            "direction": "higher",
            "editable": ("kernel.py",),
        },
    ),
    "a metric behind the words that describe it": Layout(
        {
            "program.md": "# Loop\n\n**Maximize generation speed `gen_tok_s` (tg)** while "
            "perplexity stays. Edit `knobs.py` only. Run `python bench.py`. Never stop.\n",
            "bench.py": "import knobs\n\nprint(f'gen_tok_s: {knobs.run():.2f}')\n"
            "print(f'perplexity: {knobs.run() * 2:.2f}')\n",
            "knobs.py": "def run():\n    return 1.0\n",
        },
        experiment={"metric": "gen_tok_s", "direction": "higher", "editable": ("knobs.py",)},
    ),
    "an environment of the project, and a report after each run": Layout(
        {
            "program.md": "# Loop\n\nYou may edit:\n\n- `train.py`\n\n"
            "Maximize the value that a run prints as `primary_f05=…`. Never stop.\n\n"
            "## Each experiment runs with\n\n`.venv/bin/python train.py`\n\n"
            "Then make the report: `.venv/bin/python report.py --root out >> run.log 2>&1`\n\n"
            "Columns of the table:\n\n`commit\tprimary_f05\tstatus`\n",
            "train.py": "import sys\n\nfound = len(sys.argv) / 2\n"
            "print(f'primary_f05={found:.3f} direction=maximize')\n",
            "report.py": "best = min(1, 2)\nprint(f'best_score: {best}')\n",
        },
        experiment={
            "command": ("python", "train.py"),
            "metric": "primary_f05",
            "direction": "higher",
            "editable": ("train.py",),
        },
    ),
    "a program that imports what prepares the data and what is tuned": Layout(
        {
            "program.md": "# Loop\n\nRun `python backtest.py`. Maximize `val_score`. Never stop.\n",
            "backtest.py": "import prepare\nimport strategy\n\n"
            "print(f'val_score: {strategy.run(prepare.load())}')\n",
            "prepare.py": "def load():\n    return 1\n",
            "strategy.py": "def run(data):\n    return data\n",
        },
        experiment={"command": ("python", "backtest.py"), "editable": ("strategy.py",)},
        says=("assumed: an experiment changes strategy.py", "fixed    backtest.py, prepare.py"),
    ),
    "files that people prefer to have edited": Layout(
        {
            "program.md": "# Loop\n\nRun `python train.py`. Minimize `val_loss`. Never stop.\n\n"
            "## Files\n\nPrefer editing:\n\n- `train.py`\n- `model.py`\n\n"
            "Edit `prepare.py` only when necessary.\n",
            "train.py": "import model\n\nprint(f'val_loss: {model.loss()}')\n",
            "model.py": "def loss():\n    return 1.0\n",
            "prepare.py": "",
        },
        experiment={"editable": ("train.py", "model.py"), "metric": "val_loss"},
    ),
    "a loop that a skill gets as goal, scope, metric and verify": Layout(
        {
            "README.md": SKILL,
            "pole.py": "import sys\n\nprint(f'REWARD: {len(sys.argv) / 2:.1f}')\n",
            "policies/net.py": "",
            "sweep_all.py": "best = 1.0\nprint(f'REWARD: {best} of four')\n",
        },
        experiment={
            "command": ("python", "pole.py"),
            "metric": "REWARD",
            "direction": "higher",
            "editable": ("pole.py", "policies/*.py"),
        },
    ),
    "instructions in a folder, for the whole repository": Layout(
        {
            "README.md": "# Engine\n\nRun it: `./engine/run --tokens 9`. A loop of one token.\n",
            "autoresearch/program.md": "# Loop\n\nMaximize `tok_s`. Never stop.\n\n"
            "## Files You May Modify\n\n- `engine/run.c`\n\n"
            "## Files You Must NOT Modify\n\n- `autoresearch/bench.sh`\n\n"
            "## The loop\n\nRun it: `bash autoresearch/bench.sh 2>/dev/null`\n",
            "autoresearch/bench.sh": FLEET,
            "engine/run.c": "int main(void) { return 0; }\n",
        },
        experiment={
            "command": ("bash", "autoresearch/bench.sh"),
            "metric": "tok_s",
            "metric_from": rf"regex:^\W*BENCH_RESULT[: ] *tok_s={_NUMBER}",
            "direction": "higher",
            "editable": ("engine/run.c",),
            "level": "supervised",
        },
        says=(
            "from the preset autoresearch and autoresearch/program.md",
            "autoresearch/bench.sh demands the variable FLEET_MODEL, and a run does not get yours",
            "--command 'env FLEET_MODEL=… bash autoresearch/bench.sh'",
        ),
    ),
    "a script that starts the agent": Layout(
        {
            "program.md": "# Loop\n\nStart the night with `bash night.sh`. Never stop.\n\n"
            "Only modify `agent.py`. The highest sharpe wins.\n",
            "night.sh": NIGHT,
            "fetch.py": "rows = len('abc')\nprint(f'rows: {rows}')\n",
            "backtest.py": "import agent\n\nprint(f'sharpe: {agent.run()}')\n",
            "agent.py": "def run():\n    return 1.0\n",
        },
        experiment={
            "command": ("python", "backtest.py"),
            "metric": "sharpe",
            "editable": ("agent.py",),
        },
        says=("assumed: the experiment is python backtest.py, which program.md does not name",),
    ),
    "instructions that name a program which is not there": Layout(
        {
            "program.md": "# Loop\n\nRun `python dqn.py > run.log`. The metric is `reward`, higher "
            "is better. Never stop. `python many.py` runs four at once. Edit `fit.py` only.\n",
            "many.py": "import fit\n\nprint(f'reward: {fit.run()}')\n",
            "fit.py": "def run():\n    return 1.0\n",
        },
        experiment={"command": ("python", "many.py"), "metric": "reward"},
        says=(
            "assumed: the experiment is python many.py: program.md names dqn.py, which is not in "
            "git",
        ),
    ),
    "labels of which none says what is better": Layout(
        {
            "program.md": "# Loop\n\nEdit `fit.c` only. Run `bash bench.sh`. Never stop.\n",
            "bench.sh": 'echo "flags: $FLAGS"\necho "widgets: $W"\n',
            "fit.c": "",
        },
        refused="init --metric NAME",
    ),
    "a program that stops at the time that the instructions state": Layout(
        {
            "program.md": "# Loop\n\nEdit `fit.py` only. Run `python fit.py`. The budget of "
            "training is 7 minutes. Minimize `val_loss`. Never stop.\n",
            "fit.py": "import time\n\nimport lab\n\nwhile time.monotonic() < lab.TIME_BUDGET:\n"
            "    loss = 1.0\nprint(f'val_loss: {loss}')\n",
            "lab.py": "TIME_BUDGET = 7 * 60\n",
        },
        experiment={"metric": "val_loss", "budget": 840},
        says=("assumed: the command takes at most 840 s, since its code stops at 420 s",),
    ),
    "a time that the instructions alone state": Layout(
        {
            "program.md": "# Loop\n\nEdit `fit.py` only. Run `python fit.py`. The budget of a run "
            "is 7 minutes. Minimize `val_loss`. Never stop.\n",
            "fit.py": "loss = 420 / 2\nprint(f'val_loss: {loss}')\n",
        },
        experiment={"metric": "val_loss", "budget": 420},
    ),
    "a metric that is printed under another name": Layout(
        {
            "program.md": "# Loop\n\nEdit `pack.py` only. Run `python pack.py`.\n\n"
            "**Primary metric:** `val_bpb`, lower is better. Never stop.\n",
            "pack.py": "ratio = 1.5\nprint(f'Ratio: {ratio}')\n",
        },
        experiment={"metric": "val_bpb", "direction": "lower"},
        says=(
            "note: program.md names the metric val_bpb, and the text of python pack.py does not",
        ),
    ),
    "settings that are printed beside the metric": Layout(
        {
            "program.md": "# Loop\n\nEdit `pack.py` only. Run `python pack.py`. Never stop.\n",
            "pack.py": "import argparse\n\nargs = argparse.ArgumentParser().parse_args()\n"
            "print(f'target_score: {args.score}')\nloss = 1.5\nprint(f'train_loss: {loss}')\n",
        },
        experiment={"metric": "train_loss", "direction": "lower"},
    ),
}
