"""Layouts of experiments by the table of results that their instructions name, and others."""

from __future__ import annotations

from .init_layouts import Layout

_NUMBER = r"([-+]?[\d.]+(?:[eE][-+]?\d+)?)"

LEDGERS: dict[str, Layout] = {
    "a ledger in CSV that is to be made": Layout(
        {
            "program.md": (
                "# Loop\n"
                "\n"
                "Edit `net.py`, never `main.py`. Run `python main.py`. Primary: auc\n"
                "Append a row to `experiments.csv` after every run.\n"
            ),
            "net.py": "a = 0.7\n",
            "main.py": ("import net\n\nprint(f'auc: {net.a}')\n"),
        },
        experiment={
            "command": ("python", "main.py"),
            "editable": ("net.py",),
            "metric": "auc",
            "direction": "higher",
            "level": "supervised",
            "ledger": "experiments.csv",
        },
    ),
    "a ledger in JSON lines that is to be made": Layout(
        {
            "program.md": (
                "# Loop\n"
                "\n"
                "Edit `net.py`, never `main.py`. Run `python main.py`. Primary: auc\n"
                "Log each experiment to `ledger.jsonl`: commit, auc, status.\n"
            ),
            "net.py": "a = 0.7\n",
            "main.py": ("import net\n\nprint(f'auc: {net.a}')\n"),
            ".gitignore": ("ledger.jsonl\nrun.log\n"),
        },
        experiment={
            "command": ("python", "main.py"),
            "editable": ("net.py",),
            "metric": "auc",
            "direction": "higher",
            "level": "supervised",
            "ledger": "ledger.jsonl",
        },
    ),
    "a ledger in Markdown that is to be made": Layout(
        {
            "program.md": (
                "# Loop\n"
                "\n"
                "Edit `net.py`, never `main.py`. Run `python main.py`. Primary: auc\n"
                "After each run add a row to `LOG.md`.\n"
            ),
            "net.py": "a = 0.7\n",
            "main.py": ("import net\n\nprint(f'auc: {net.a}')\n"),
            ".gitignore": "LOG.md\n",
        },
        experiment={
            "command": ("python", "main.py"),
            "editable": ("net.py",),
            "metric": "auc",
            "direction": "higher",
            "level": "supervised",
            "ledger": "LOG.md",
        },
    ),
    "a ledger in Markdown that git tracks": Layout(
        {
            "program.md": (
                "# Loop\n"
                "\n"
                "Edit `net.py`, never `main.py`. Run `python main.py`. Primary: auc\n"
                "After each run add a row to `LOG.md`.\n"
            ),
            "net.py": "a = 0.7\n",
            "main.py": ("import net\n\nprint(f'auc: {net.a}')\n"),
            "LOG.md": (
                "| commit | auc | status | note |\n"
                "|---|---|---|---|\n"
                "| abc1234 | 0.5 | keep | base |\n"
            ),
        },
        experiment={
            "command": ("python", "main.py"),
            "editable": ("net.py",),
            "metric": "auc",
            "direction": "higher",
            "level": "supervised",
            "ledger": "ouro-results.tsv",
        },
    ),
    "data beside a ledger": Layout(
        {
            "program.md": (
                "# Loop\n"
                "\n"
                "Edit `net.py`, never `main.py`. Run `python main.py`. Primary: auc\n"
                "The script reads `train.csv` each run.\n"
            ),
            "net.py": "a = 0.7\n",
            "main.py": ("import net\n\nprint(f'auc: {net.a}')\n"),
            "train.csv": ("a,b\n1,2\n"),
        },
        experiment={
            "command": ("python", "main.py"),
            "editable": ("net.py",),
            "metric": "auc",
            "direction": "higher",
            "level": "supervised",
            "ledger": "results.tsv",
        },
    ),
    "a protocol in steps, and uv with a module": Layout(
        {
            "program.md": (
                "# Protocol\n"
                "\n"
                "## Setup\n"
                "1. `uv sync`\n"
                "2. `uv run python scripts/download.py`\n"
                "\n"
                "## Loop\n"
                "1. Edit `model/arch.py` (the only file you may change).\n"
                "2. `git commit`\n"
                "3. `uv run -m model.train --max-minutes 5 > run.log 2>&1`\n"
                "4. `grep '^final_loss' run.log`\n"
                "5. If final_loss went down keep, else `git reset --hard HEAD~1`.\n"
            ),
            "model/__init__.py": "",
            "model/arch.py": "x=1\n",
            "model/train.py": ("from model import arch\n\nprint(f'final_loss {arch.x:.4f}')\n"),
            "scripts/download.py": "pass\n",
            "pyproject.toml": ("[project]\nname='m'\n"),
            "uv.lock": "",
        },
        experiment={
            "command": ("uv", "run", "--frozen", "-m", "model.train", "--max-minutes", "5"),
            "editable": ("model/arch.py",),
            "metric": "final_loss",
            "metric_from": rf"""regex:^\W*final_loss\s+{_NUMBER}""",
            "direction": "lower",
            "level": "supervised",
            "ledger": "results.tsv",
        },
    ),
    "files that are off limits, and pixi": Layout(
        {
            "AGENTS.md": (
                "# Research loop\n"
                "\n"
                "Improve `sim/controller.py`. `sim/world.py` and `sim/evaluate.py` are "
                "off limits.\n"
                "Evaluate with `pixi run python -m sim.evaluate --episodes 50`. The "
                "objective is mean_return; maximize it. Loop forever.\n"
            ),
            "pixi.toml": "",
            "sim/__init__.py": "",
            "sim/controller.py": "x=1\n",
            "sim/world.py": "",
            "sim/evaluate.py": (
                "from sim import controller\n"
                "\n"
                "mean_return = controller.x\n"
                "print('mean_return = {:.3f} +/- {:.3f}'.format(mean_return, 0.1))\n"
            ),
        },
        experiment={
            "command": ("pixi", "run", "python", "-m", "sim.evaluate", "--episodes", "50"),
            "editable": ("sim/controller.py",),
            "metric": "mean_return",
            "direction": "higher",
            "level": "supervised",
            "ledger": "results.tsv",
        },
    ),
    "a table that is printed": Layout(
        {
            "program.md": (
                "# Loop\n"
                "\n"
                "Only `encoder.py` is editable. Run `python evaluate_encoder.py`. We "
                "want the highest MRR.\n"
            ),
            "encoder.py": "x=1\n",
            "evaluate_encoder.py": (
                "from tqdm import tqdm\n"
                "import encoder\n"
                "\n"
                "tqdm.write(f'| MRR | {encoder.x:.4f} |')\n"
            ),
        },
        refused="pytest-ouro init --metric NAME",
    ),
    "a program in Ruby": Layout(
        {
            "program.md": (
                "# Ruby\n"
                "\n"
                "You can edit `lib/parser.rb`. Don't touch `bench/run.rb`. Run `ruby "
                "bench/run.rb`. Higher iterations per second is better.\n"
            ),
            "lib/parser.rb": "1\n",
            "bench/run.rb": 'puts "ips: #{3.0}"\n',
        },
        experiment={
            "command": ("ruby", "bench/run.rb"),
            "editable": ("lib/parser.rb",),
            "metric": "ips",
            "direction": "higher",
            "level": "supervised",
            "ledger": "results.tsv",
        },
    ),
    "a benchmark of Cargo that states no label": Layout(
        {
            "program.md": (
                "# Rust\n"
                "\n"
                "Editable: `src/lib.rs`. Fixed: `benches/sort.rs`. Run `cargo bench "
                "--bench sort`. Lower time is better.\n"
            ),
            "Cargo.toml": "[package]\n",
            "src/lib.rs": "",
            "benches/sort.rs": "criterion_main!(benches);\n",
        },
        refused="pytest-ouro init --metric NAME",
    ),
    "a benchmark of pytest": Layout(
        {
            "program.md": (
                "# Loop\n"
                "\n"
                "Modify `fast.py`. Run `pytest tests/test_bench.py --benchmark-json "
                "out.json`. Lower mean is better.\n"
            ),
            "fast.py": "x=1\n",
            "tests/test_bench.py": ("def test_b(benchmark):\n    benchmark(lambda: 1)\n"),
        },
        refused="pytest-ouro init --metric NAME",
    ),
    "a program in Zig": Layout(
        {
            "program.md": (
                "# Zig\n"
                "\n"
                "You may only edit `src/hash.zig`. Run `zig build bench`. Higher "
                "throughput_mbps is better. `src/bench.zig` is fixed.\n"
            ),
            "build.zig": "",
            "src/hash.zig": "",
            "src/bench.zig": (
                'pub fn main() void { std.debug.print("throughput_mbps: {d:.2}\\n", .{3.0}); }\n'
            ),
        },
        experiment={
            "command": ("zig", "build", "bench"),
            "editable": ("src/hash.zig",),
            "metric": "throughput_mbps",
            "direction": "higher",
            "level": "claimed",
            "ledger": "results.tsv",
        },
    ),
    "a configuration that is edited, and values in a line": Layout(
        {
            "program.md": (
                "# HPO\n"
                "\n"
                "The agent edits `config.yaml` only. `train.py` is frozen. Run: `python "
                "train.py --config config.yaml`. val_acc, higher is better. Loop.\n"
            ),
            "config.yaml": "lr: 1\n",
            "train.py": ("val_acc = 0.3\nprint(f'Epoch 1/1 | val_acc={val_acc:.4f} | lr=1')\n"),
        },
        experiment={
            "command": ("python", "train.py", "--config", "config.yaml"),
            "editable": ("config.yaml",),
            "metric": "val_acc",
            "direction": "higher",
            "level": "supervised",
            "ledger": "results.tsv",
        },
    ),
    "a prompt that is edited, and a label of two words": Layout(
        {
            "program.md": (
                "# Prompt\n"
                "\n"
                "You improve `prompts/system.md`. Score: `python score.py` prints the "
                "pass rate. Maximize the pass rate. Do not edit `score.py` or "
                "`cases.json`.\n"
            ),
            "prompts/system.md": "Be nice\n",
            "cases.json": "[]\n",
            "score.py": (
                "n, k = 10, 7\n"
                "print(f'Passed {k}/{n} ({100 * k / n:.1f}%)')\n"
                "print(f'Pass rate: {k / n:.3f}')\n"
            ),
        },
        experiment={
            "command": ("python", "score.py"),
            "editable": ("prompts/system.md",),
            "metric": "pass_rate",
            "metric_from": rf"""regex:^\W*Pass rate\s*[:=]\s*{_NUMBER}""",
            "direction": "higher",
            "level": "supervised",
            "ledger": "results.tsv",
        },
    ),
}
