"""Synthetic submissions to two leaderboards, each as a pull request in a real git repository."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: A loss for each of eight runs, whose mean is clearly below 3.28.
LOSSES = (3.2781, 3.2776, 3.2790, 3.2769, 3.2785, 3.2773, 3.2779, 3.2788)
SPEED = "records/track_1_short/2026-09-01_Wider"
GOLF = "records/track_10min_16mb/2026-09-01_Narrower"
SCRIPT = """\
import time
import torch

def distributed_data_generator(files):
    yield from files

# -----------------------------------------------------------------------------
WIDTH = 768

training_time_ms = 0
# start the clock
torch.cuda.synchronize()
t0 = time.perf_counter()
for step in range(11):
    if step == 10:
        torch.cuda.synchronize()
        training_time_ms += 1000 * (time.perf_counter() - t0)
        validate()
        break
    train(step)
print0(f"peak memory allocated")
"""


def speed_log(loss: float, number: int = 0, script: str = SCRIPT, steps: int = 10) -> str:
    """Return the log of a run of the speedrun; ``number`` makes its times its own."""
    bar = "=" * 100
    gpus = "\n".join(f"|   {n}  NVIDIA H100 80GB HBM3   On |" for n in range(8))
    lines = [
        f"step:{n}/{steps} train_time:{n * 5_000 + number * 7}ms step_avg:57.10ms"
        for n in range(1, steps + 1)
    ]
    last = f"step:{steps}/{steps} val_loss:{loss:.4f} train_time:{steps * 5_000 + number * 7}ms"
    head = f"Running Python 3.12.3\nRunning PyTorch 2.10.0+cu128 compiled for CUDA\n{gpus}"
    return "\n".join([f"{script}{bar}", head, bar, *lines, f"{last} step_avg:57.37ms", "peak\n"])


def golf_log(bpb: float, *, seconds: float = 599.6, model: int = 15_900_000) -> str:
    """Return the log of a run of the other leaderboard."""
    return f"""\
step:100/20000 train_loss:2.0323 train_time:5000ms step_avg:50.0ms
step:4900/20000 val_loss:2.4000 val_bpb:1.1000 train_time:{seconds * 1000:.0f}ms
stopping_early: wallclock_cap train_time:{seconds * 1000:.0f}ms step:4900/20000
Serialized model: 67224983 bytes
Total submission size: 67225883 bytes
Serialized model int8+zlib: {model} bytes (payload:17178912)
Total submission size int8+zlib: {model + 900} bytes
final_int8_zlib_roundtrip val_loss:{bpb * 2:.4f} val_bpb:{bpb:.4f} eval_time:1401ms
final_int8_zlib_roundtrip_exact val_loss:{bpb * 2:.8f} val_bpb:{bpb:.8f}
"""


def speed_record(losses: tuple[float, ...] = LOSSES) -> dict[str, str]:
    """Return the files of a lawful record of the speedrun, by their paths."""
    logs = {f"{SPEED}/{n}.txt": speed_log(loss, n) for n, loss in enumerate(losses)}
    return {f"{SPEED}/README.md": "wider\n", **logs}


def golf_record(scores: tuple[float, ...] = (1.0801, 1.0812, 1.0806)) -> dict[str, str]:
    """Return the files of a lawful record of the other leaderboard, by their paths."""
    logs = {f"{GOLF}/train_seed{n}.log": golf_log(bpb) for n, bpb in enumerate(scores)}
    claim = {"name": "narrower", "val_bpb": round(sum(scores) / len(scores), 6)}
    return {
        f"{GOLF}/README.md": "narrower\n",
        f"{GOLF}/submission.json": json.dumps(claim),
        f"{GOLF}/train_gpt.py": "x = 1\n" * 150,
        **logs,
    }


@dataclass
class Board:
    """A repository of both leaderboards, whose commit ``base`` has one record of each."""

    path: Path
    base: str = ""

    def git(self, *args: str) -> str:
        call = ["git", "-c", "user.name=x", "-c", "user.email=x@y", *args]
        done = subprocess.run(call, cwd=self.path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, files: dict[str, str | bytes | None], subject: str = "a record") -> str:
        """Write the files (None: remove) and commit them; return the full id."""
        for name, content in files.items():
            place = self.path / name
            if content is None:
                place.unlink()
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD")


def make_board(path: Path) -> Board:
    """Make the repository."""
    path.mkdir()
    board = Board(path)
    board.git("init", "-q", "-b", "main")
    old = "records/track_10min_16mb/2026-03-01_First"
    board.base = board.commit(
        {
            "train_gpt.py": SCRIPT,
            "README.md": "rules\n",
            "records/track_1_short/2026-01-01_First/1.txt": speed_log(3.2799),
            f"{old}/submission.json": json.dumps({"val_bpb": 1.0900}),
            f"{old}/train.log": golf_log(1.0900),
        },
        "the base",
    )
    return board
