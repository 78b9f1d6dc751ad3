"""benchmarks/cuda_baseline.py as far as it goes without a card: toys instead of GPTs."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "cuda_baseline.py"

if not SCRIPT.exists():
    pytest.skip("benchmarks/ is not in this distribution", allow_module_level=True)

PREPARE = "TIME_BUDGET = 300\nEVAL_TOKENS = 40 * 524288\n"
TRAIN = """\
import os
import sys
import kernels, requests, rustbpe  # stand-ins where they are not installed
from prepare import EVAL_TOKENS, TIME_BUDGET
seed = 0
def manual_seed(number):
    global seed
    seed = number
manual_seed(42)
print("step 00001", end="\\r")
print("---")
for row in (
    f"val_bpb:          {1 + seed / 100:.6f}",
    f"training_seconds: {TIME_BUDGET:.1f}",
    "peak_vram_mb:     2000.0",
    "mfu_percent:      39.80",
    "total_tokens_M:   11.1",
    "num_steps:        111",
    f"eval_tokens:      {EVAL_TOKENS}",
    f"home:             {len(os.environ['HOME'])}",
):
    print(row)
"""


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module; its stand-ins need no torch."""
    spec = importlib.util.spec_from_file_location("cuda_baseline", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "cuda_baseline", module)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "STAND_INS", dict.fromkeys(module.STAND_INS, ""))
    return module


@pytest.fixture
def original(tmp_path: Path) -> Path:
    folder = tmp_path / "original"
    folder.mkdir()
    folder.joinpath("prepare.py").write_text(PREPARE)
    folder.joinpath("train.py").write_text(TRAIN)
    return folder


@pytest.fixture
def toy(
    benchmark: ModuleType, original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """The benchmark with toys on both sides, a card that is not there, and no supervision."""
    ours = tmp_path / "ours"
    ours.mkdir()
    text = TRAIN.replace("manual_seed(42)", "SEED = 42\nseed = -SEED")
    ours.joinpath("train.py").write_text(text)
    monkeypatch.setattr(benchmark, "OURS", ours)
    monkeypatch.setattr(benchmark, "BRIDGE", "from original_prepare import *")
    monkeypatch.setattr(benchmark, "demand_card", lambda home: "NVIDIA Toy")
    quick = benchmark.Run("alone", 42, {}, 90.0), benchmark.Run("supervised", 42, {}, 100.0)
    monkeypatch.setattr(benchmark, "supervision", lambda options: quick)
    return benchmark


def test_both_run_by_turns_under_the_original_s_harness(
    toy: ModuleType, original: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.main(["--original", str(original), "--home", str(tmp_path), "--budget", "10"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "NVIDIA Toy, 10 s of training, 1,048,576 tokens evaluated"
    rows = [line.split(" | ") for line in lines if line.startswith(("| original |", "| ours |"))]
    assert [(row[0][2:], row[1], row[2]) for row in rows] == [
        ("ours", "42", "0.58"),
        ("original", "42", "1.42"),
        ("original", "43", "1.43"),
        ("ours", "43", "0.57"),
    ]
    assert {(row[0][2:], row[4]) for row in rows} == {
        ("ours", "1.11e+06"), ("original", "1e+06"),
    }  # fmt: skip
    assert "| val_bpb | 0.4085 0.3986 | 0.4035 |" in lines
    assert lines[-1] == "supervision: 10.0 % of the wall time of a run this short"


def test_no_run_begins_that_would_end_too_late(
    toy: ModuleType, original: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.main(["--original", str(original), "--home", str(tmp_path), "--minutes", "0"])
    output = capsys.readouterr().out
    assert output.count("| original | ") == 1
    assert output.endswith("no time is left to measure the supervision: --seeds 1\n")


def test_another_version_of_the_original_is_refused(
    toy: ModuleType, original: Path, tmp_path: Path
) -> None:
    original.joinpath("prepare.py").write_text(PREPARE.replace("300", "600"))
    with pytest.raises(SystemExit, match="no line 'TIME_BUDGET = 300': is it another version"):
        toy.main(["--original", str(original), "--home", str(tmp_path)])
    with pytest.raises(SystemExit, match="cannot be read"):
        toy.main(["--original", str(tmp_path / "nowhere"), "--home", str(tmp_path)])


def test_a_run_that_fails_ends_the_benchmark_with_its_last_lines(
    toy: ModuleType, original: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    original.joinpath("train.py").write_text("manual_seed = print\nmanual_seed(42)\n1 / 0\n")
    with pytest.raises(SystemExit, match=r"original \(seed 42\) failed with status 1"):
        toy.main(["--original", str(original), "--home", str(tmp_path)])
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_data_that_are_missing_are_named(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(SystemExit, match=r"tokenizer\.pkl is missing: .* or --make-data"):
        benchmark.demand_card(tmp_path)


def test_a_stand_in_takes_the_place_of_kernels_on_demand(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    assert benchmark.missing() == []
    monkeypatch.setenv("KERNELS", "0")
    assert benchmark.missing() == ["kernels"]


@pytest.mark.tier(2)
def test_without_a_card_it_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-B", str(SCRIPT), "--original", str(tmp_path)],
        env={"PATH": os.environ.get("PATH", ""), "CUDA_VISIBLE_DEVICES": "", "HOME": str(tmp_path)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("this needs ")
    assert "a CUDA card: torch " in done.stderr
