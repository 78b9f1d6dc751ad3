"""The toy project with a harness of torch, whose runs are judged, and its scripts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.child.conftest import HARNESS, SCRIPT

#: A model that learns nothing: its table depends on the seed, and its loss on ``scale``.
MODEL = """\
torch.manual_seed({seed})
with torch.no_grad():
    model.table.weight.normal_().mul_({scale})
{more}
"""


def model_script(scale: float = 1.0, *, seed: int = 1, more: str = "") -> str:
    """Return a train.py whose model has the loss of a random table; ``more`` changes the model."""
    before = MODEL.format(scale=scale, seed=seed, more=more)
    return SCRIPT.format(before=before, evaluate="evaluate_bpb(model, tokenizer, 8)", after="")


def make_judged(lab: Any, fork_runs: Any, *edits: tuple[str, str], rows: int = 64) -> Any:
    """Give the toy project a harness of torch with so many validation rows; return the lab. Its
    runs are judged and not sandboxed. ``edits`` are further ones of bound.toml."""
    pytest.importorskip("torch", reason="the miniature's model is one of torch")
    fork_runs()
    lab.project.edit("pyproject.toml", '"six"', '"torch"')
    lab.bound(
        ('device    = "cpu"', 'device    = "cpu"\nhighest   = "judged"'),
        ("budget    = 0.3", "budget    = 20"),
        ("timeout   = 20", "timeout   = 60"),
        *edits,
        prepare_py=HARNESS.replace("EVAL_TOKENS = 64 *", f"EVAL_TOKENS = {rows} *"),
    )
    return lab
