"""More layouts of experiments, as in `tests/init_layouts.py`: what instructions state, and how
programs of several languages print what they measure."""

from __future__ import annotations

from .init_layouts import Layout

_NUMBER = r"([-+]?[\d.]+(?:[eE][-+]?\d+)?)"
PIPELINE = """\
import argparse
import json

from judge_phone import rate as rate_phone
from judges import desk

parser = argparse.ArgumentParser()
parser.add_argument("--config", default="config.json")


def main():
    summary = {"id": 7, "note": "x"}
    first = desk.rate(1)
    summary["desk_rating"] = first
    phone = None
    if first["wer"] < 2:
        phone = rate_phone(2)
        summary["phone_rating"] = phone
    print(json.dumps(summary, indent=2))


main()
"""
RATE = """\
def rate(model):
    found = {"wer": 0.5 * model, "words": 10}
    return found
"""
GO_BENCH = """\
package fit

import "testing"

func BenchmarkStep(b *testing.B) {
	b.ReportMetric(float64(3)/2, "tok/s")
}

func BenchmarkEval(b *testing.B) {
	b.ReportMetric(loss(), "val_bits")
}
"""
GO_LOOP = """\
# Loop

## Files

**Editable files:**

**Tier 1, the surface** (`fit.go`):
- Constants and the schedule.

**Tier 2, the engine** (`engine/` package):
- `engine/step.go` — the step.

**Read-only files:**
- `fit_test.go` — the benchmarks.
- `engine/device.go` — the device.

The goal: the lowest `val_bits`. Build the tool: `go build -o note ./cmd/note/`.
Run it: `./note run --count=3`. It runs `go test -bench` and keeps the result.

**Timeout**: a run should take ~2 minutes. If a run exceeds 10 minutes, kill it. Never stop.
"""

MORE: dict[str, Layout] = {
    "JSON in a variable that functions of modules fill": Layout(
        {
            "program.md": "# Loop\n\nThe priority order is:\n\n1. `phone_wer` on the fixed words\n"
            "2. `desk_wer`\n\nYou may edit:\n\n- `run.py`\n- new helper files here\n\n"
            "4. Run:\n\n```bash\npython run.py --config config.json\n```\n",
            "run.py": PIPELINE,
            "judge_phone.py": RATE,
            "judges/desk.py": RATE,
            "config.json": "{}\n",
        },
        experiment={
            "command": ("python", "run.py", "--config", "config.json"),
            "metric": "phone_wer",
            "metric_from": "json:phone_rating.wer",
            "direction": "lower",
            "editable": ("run.py",),
            "level": "claimed",
        },
        says=("program.md also speaks of new files",),
    ),
    "a benchmark of Go, and a tool that keeps its output": Layout(
        {
            "program.md": GO_LOOP,
            "README.md": "```bash\n# 2. Run the benchmarks\n"
            "go test -bench . -benchtime 5x -count 3\n```\n",
            "fit_test.go": GO_BENCH,
            "fit.go": "package fit\n",
            "engine/step.go": "package engine\n",
            "engine/device.go": "package engine\n",
            "cmd/note/main.go": 'package main\n\nfunc main() { fmt.Println("kept") }\n',
            "go.mod": "module fit\n",
        },
        experiment={
            "command": ("go", "test", "-bench", ".", "-benchtime", "5x", "-count", "3"),
            "metric": "val_bits",
            "metric_from": rf"regex:\s{_NUMBER}\s+val_bits(?!\S)",
            "editable": ("fit.go", "engine/step.go"),
            "budget": 600,
            "level": "claimed",
        },
    ),
    "instructions that tell to change a manifest": Layout(
        {
            "autoresearch.md": "# Loop\n\n- **Primary**: `green` (higher is better)\n\n"
            "Make `parts/new/`, and add it to the members in the root `Cargo.toml`.\n",
            "autoresearch.sh": 'cargo test\necho "METRIC green=$GREEN"\n',
            "crates/core/lib.rs": "",
            "Cargo.toml": "[workspace]\n",
            "Cargo.lock": "",
        },
        experiment={"editable": ("crates/**", "Cargo.toml", "Cargo.lock")},
        says=("assumed: dependencies may change: the instructions name Cargo.toml",),
    ),
    "instructions that forbid to change a manifest": Layout(
        {
            "autoresearch.md": "# Loop\n\n- **Primary**: `green` (higher is better)\n\n"
            "Do not add anything to `Cargo.toml`.\n",
            "autoresearch.sh": 'cargo test\necho "METRIC green=$GREEN"\n',
            "crates/core/lib.rs": "",
            "Cargo.toml": "[workspace]\n",
        },
        experiment={"editable": ("crates/**",)},
        checks=("frozen",),
    ),
}
