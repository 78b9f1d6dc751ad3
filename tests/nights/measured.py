"""Draw what a supervisor would have measured of a run: its metric, its losses by row, its log."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from pytest_ouro.child.losses.file import COLUMNS, QUARTERS, RowLosses, pack
from pytest_ouro.experiment.terms.measurement import Measurement, MetricScore
from pytest_ouro.experiment.terms.printed import Reading

if TYPE_CHECKING:
    from random import Random

    from .ideas import Recipe

#: The standard deviation of one run, which the bound states.
NOISE = 0.0012
#: Rows that are scored, and rows of the vault.
ROWS, VAULT = 48, 16
_LN2 = math.log(2)

Kind = Literal[
    "ok", "crash", "oom", "nan", "timeout", "overrun", "claim", "records", "late", "lost"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
#: How a run of each kind fails: its exception, or what it printed last.
_FAILURES = {
    "crash": ("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (2048x768 and 640x768)"),
    "oom": ("OutOfMemoryError", "CUDA out of memory. Tried to allocate 2.00 GiB."),
}
_BEGIN = """\
host gpu-node-17.cluster.example.org, user alice, cwd /home/alice/work/night
HF_TOKEN=hf_abcdefghijklmnopqrstuvwxyz012345 WANDB_API_KEY=0123456789abcdef0123456789abcdef01234567
compiled in 21.4 s
"""


@dataclass(frozen=True)
class Drawn:
    """What was drawn of a run: its measurement, None if its supervisor was killed, and its log."""

    seen: Measurement | None
    log: str
    seconds: float


def draw(
    random: Random, kind: Kind, metric: str, recipe: Recipe, truth: float, device: str, luck: float
) -> Drawn:
    """Draw a run of ``recipe``, whose metric is ``truth`` and noise. ``luck`` is its noise in
    standard deviations."""
    value = truth + NOISE * luck
    window = 300 + random.uniform(0, 0.8)
    wall = window + random.uniform(28, 55)
    depth = recipe.settings["DEPTH"]
    peak = 26000 + 1900 * depth + 350 * len(recipe.parts) + random.uniform(-20, 20)
    steps = int(9000 / depth)
    claims = {
        "training_seconds": f"{window:.1f}",
        "peak_vram_mb": f"{peak:.1f}",
        "mfu_percent": f"{38 + 0.4 * depth + random.gauss(0, 0.2):.2f}",
        "total_tokens_M": f"{steps * recipe.settings['BATCH_TOKENS'] / 1e6:.1f}",
        "num_params_M": f"{4.1 * depth + 9.6:.1f}",
    }
    log = _BEGIN + "".join(
        f"step {step:5d} loss {6 * math.exp(-step / steps * 4) + 3 * truth:.4f} "
        f"dt {1000 * window / steps:.0f}ms\n"
        for step in range(0, steps, max(1, steps // 12))
    )
    facts = {
        "program": "train.py",
        "cpu_seconds": wall * 1.1,
        "peak_mb": peak,
        "environment": {
            "python": "3.12.4",
            "torch": "2.13.0",
            "device": "cuda",
            "device_name": device,
        },
        "clock_start": "batch",
        "clock_after": random.uniform(18, 30),
        "level": "sandboxed",
    }
    if kind == "lost":
        return Drawn(None, log, wall * random.random())
    if kind in ("crash", "oom", "nan", "timeout", "overrun"):
        return _failed(kind, facts, log, wall * random.uniform(0.05, 0.9))
    if kind == "late":
        window = 311.7
    printed = value - 0.05 if kind == "claim" else value
    claims = {metric: f"{printed:.6f}", **claims}
    log += "---\n" + "".join(f"{name}: {text}\n" for name, text in claims.items())
    findings = ("the journal was changed during the run: 1 line was removed (put back)",)
    seen = Measurement(
        **facts,
        exit_code=0,
        wall_seconds=wall,
        window_seconds=window,
        value=value,
        evaluations=1,
        claims=claims,
        reading=Reading(printed, f"{printed:.6f}", f"{metric}: {printed:.6f}", "", True),
        tail=tuple(log.splitlines()[-8:]),
        findings=findings if kind == "records" else (),
        judgment=MetricScore(
            value=value,
            se=0.004,
            rows=ROWS,
            vault=VAULT,
            questions=ROWS + VAULT + 12,
            tokens=(ROWS + VAULT + 12) * 2048,
            seconds=9.5,
            scoring=1.4,
            answering=7.9,
        ),
        losses={
            "rows": pack(_losses(range(ROWS), value)),
            "vault": pack(_losses(range(ROWS, ROWS + VAULT), value, shown=0.8)),
        },
    )
    return Drawn(seen, log, wall)


def _failed(kind: Kind, facts: dict[str, object], log: str, wall: float) -> Drawn:
    """Return a run that ended without a metric."""
    if kind in ("timeout", "overrun"):
        wall = 600.0 if kind == "timeout" else 452.0
        seen = Measurement(
            **facts,  # type: ignore[arg-type]
            exit_code=-15,
            wall_seconds=wall,
            window_seconds=wall - 24,
            stopped=kind,  # type: ignore[arg-type]
            tail=tuple(log.splitlines()[-3:]),
        )
        return Drawn(seen, log, wall)
    failure = {}
    if kind == "nan":
        log += "FAIL: loss is nan at step 412\n"
    else:
        name, text = _FAILURES[kind]
        failure = {"type": name, "text": text, "place": "train.py:41"}
        log += (
            "Traceback (most recent call last):\n"
            '  File "/home/alice/work/night/train.py", line 41, in train\n'
            f"    loss = model(*next(loader))\n{name}: {text}\n"
        )
    seen = Measurement(
        **facts,  # type: ignore[arg-type]
        exit_code=1,
        wall_seconds=wall,
        window_seconds=max(0.0, wall - 24),
        exception=failure,
        tail=tuple(log.splitlines()[-6:]),
    )
    return Drawn(seen, log, wall)


def _losses(rows: range, value: float, *, shown: float = 1.0) -> RowLosses:
    """Return losses by row whose mean is ``value`` bits per byte. The less that is, the more of it
    is in rare bytes and in the fourth quarter; on rows of the vault the gain is ``shown`` of
    that."""
    gain = 1 - value
    value = 1 - shown * gain
    sizes = {name: [900 + 13 * (row % 7) for row in rows] for name in QUARTERS}
    sizes["rare"] = [310 + row % 5 for row in rows]
    shares = {"first": 1.14, "second": 1.0, "third": 0.95, "fourth": 0.91 + 2.5 * gain}
    nats = {
        name: [
            shares[name] * (1 + 0.1 * math.sin(row)) * size
            for row, size in zip(rows, sizes[name], strict=True)
        ]
        for name in QUARTERS
    }
    total = sum(map(sum, nats.values())) / _LN2 / sum(sum(sizes[name]) for name in QUARTERS)
    nats = {name: [value / total * one for one in column] for name, column in nats.items()}
    nats["rare"] = [(1.9 + 4 * gain) * size * _LN2 for size in sizes["rare"]]
    return RowLosses(list(rows), {name: sizes[name] for name in COLUMNS}, nats)
