"""Test which CUDA operations work in the sandbox, each in a process of its own.

    python benchmarks/cuda_sandbox.py

It needs a card. It prints a table for the docs; exit status 1 if an operation failed, 2 if there is
no card or no sandbox.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest_ouro
from pytest_ouro.child.kernel import landlock
from pytest_ouro.experiment.assurance.sandbox_spec import available
from pytest_ouro.experiment.devices import device, nvml

#: The code that enters the sandbox before torch is imported, as a run does.
START = """\
import json, os, sys
spec, code = json.loads(sys.argv[1]), sys.argv[2]
if spec is not None:
    from pytest_ouro.child.kernel import sandbox
    sandbox.enter(spec)
exec(code)
"""

OPERATIONS = {
    "the driver starts (cuInit)": """
import ctypes
status = ctypes.CDLL("libcuda.so.1").cuInit(0)
assert status == 0, f"cuInit: error {status}"
""",
    "torch sees one card": """
import torch
assert torch.cuda.device_count() == 1, torch.cuda.device_count()
torch.zeros(1, device="cuda")
""",
    "a product of matrices": """
import torch
a = torch.randn(2048, 2048, device="cuda", dtype=torch.bfloat16)
assert (a @ a).isfinite().all().item()
""",
    "pinned memory": """
import torch
a = torch.randn(1 << 20).pin_memory().to("cuda", non_blocking=True)
torch.cuda.synchronize()
""",
    "a step of training": """
import torch
model = torch.nn.Linear(64, 64, device="cuda")
optimizer = torch.optim.AdamW(model.parameters(), fused=True)
model(torch.randn(8, 64, device="cuda")).square().mean().backward()
optimizer.step()
torch.cuda.synchronize()
""",
    "torch.compile with Triton": """
import torch
f = torch.compile(lambda x: torch.nn.functional.gelu(x) * x.sum(-1, keepdim=True))
x = torch.randn(64, 1024, device="cuda")
torch.testing.assert_close(f(x), torch.nn.functional.gelu(x) * x.sum(-1, keepdim=True))
""",
}


def attempt(code: str, spec: dict[str, list[str]] | None, env: dict[str, str]) -> str:
    """Run an operation; return its seconds, or the last line of its error."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-B", "-c", START, json.dumps(spec), code],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode == 0:
        return f"works, {time.monotonic() - began:.1f} s"
    lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
    return f"FAILS: {lines[-1]}"


def main() -> int:
    found = available((sys.executable,))
    if not found.ok:
        print(f"no sandbox here: {found.why}")
        return 2
    if not device.cuda_present():
        print("no CUDA device here: there is nothing to test")
        return 2
    card = nvml.access()
    nodes = " ".join(card.nodes)
    print(f"card {card.visible}, nodes {nodes}; Landlock version {landlock.version()}\n")
    print("| | outside | inside |\n|---|---|---|")
    failed = False
    for words, code in OPERATIONS.items():
        results = []
        for inside in (False, True):
            with tempfile.TemporaryDirectory(prefix="ouro-") as scratch:
                spec = specification(card, scratch) if inside else None
                results.append(attempt(code, spec, environment(card, scratch)))
        failed |= not results[1].startswith("works") and results[0].startswith("works")
        print(f"| {words} | {' | '.join(results)} |", flush=True)
    return 1 if failed else 0


def specification(card: nvml.Access, scratch: str) -> dict[str, list[str]]:
    package = str(Path(pytest_ouro.__file__).parent)
    return {"read": [package], "write": [scratch], "devices": list(card.nodes)}


def environment(card: nvml.Access, scratch: str) -> dict[str, str]:
    """The environment of a run: one card, its own caches, a compiler without worker processes."""
    names = ("TMPDIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUDA_CACHE_PATH")
    variables = {**os.environ, **{name: f"{scratch}/{name.lower()}" for name in names}}
    for name in names:
        Path(variables[name]).mkdir()
    variables["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    if card.visible:
        variables["CUDA_VISIBLE_DEVICES"] = card.visible
    return variables


if __name__ == "__main__":
    sys.exit(main())
