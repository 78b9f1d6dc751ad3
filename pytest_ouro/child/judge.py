"""The judge: a process of its own that alone holds the validation targets.

It builds the harness from the same trusted bytes, and learns from the harness's own evaluation
which rows count. Then it asks the training process for the logits of those rows, and computes the
score itself. No question shows a target that is scored later: ``scoring.plan`` says how. The other
end of its line is hostile: whatever it says is a logit, or no answer.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import mmap
import os
import random
import sys
import time
from typing import Any

from . import harness
from .channel import LONGEST, Channel, die_with, keep_to_itself
from .rows import rows_of

_MAX_BATCH = 256
#: Batches that are asked at least: the pace of answers is that of most of them.
_BATCHES = 8


def start(fd: int) -> None:
    channel = Channel(fd)
    keep_to_itself()
    job = channel.receive()
    die_with(job["supervisor"], channel)
    sys.stdout = sys.stderr  # what the harness prints is nobody's answer
    try:
        rows = rows_of(harness.build(job, install=True), job)
    except Exception as error:
        channel.tell("unable", why=f"{type(error).__name__}: {error}"[:400])
        return
    channel.tell("ready", rows=len(rows.scored), length=rows.x.shape[1])
    line = Channel(job["line"])
    try:
        hello = line.receive(LONGEST)
        channel.tell("asked")
        result = examine(rows, line, job, hello.get("batch_size"), channel)
        channel.tell("judged", **result)
        line.send({"value": result["value"]})
    except (EOFError, OSError):
        return  # the run ended without an evaluation, or in the middle of it
    except (ValueError, TypeError, LookupError) as error:
        channel.tell("finding", text=f"what the judge was answered is no prediction: {error}"[:400])


def examine(
    rows: Any, line: Channel, job: dict[str, Any], batch_size: Any, channel: Channel
) -> dict[str, Any]:
    """Ask every question of a plan that nobody could foresee; the score and the findings.

    The supervisor is told, for its clock, whose turn it is.
    """
    import torch

    from .scoring import Score, batches, losses, plan

    began = time.monotonic()
    asked = plan(rows, random.SystemRandom().getrandbits(64))
    size = batch_size if isinstance(batch_size, int) and 0 < batch_size <= _MAX_BATCH else 16
    size = min(size, -(-len(asked) // _BATCHES))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    shape = (size, rows.x.shape[1], len(rows.num_bytes))
    desk = Desk(torch, line, job["shared"], channel, shape)
    score = Score(rows, asked)
    worked = time.thread_time()
    for some in batches(asked, size):
        # Always the same shape: another one could be computed by other kernels. What fills it up
        # is of the first batch, which is a whole one: it shows nothing new.
        full = [*some, *asked[: size - len(some)]]
        logits = desk.ask(torch.stack([rows.tokens(question) for question in full]))
        for place, question in enumerate(some):
            row = logits[place : place + 1].to(device)
            score.hear(losses(row, rows.y[question.row : question.row + 1].to(device)))
    worked = time.thread_time() - worked
    value, error = score.value()
    return {
        "value": value,
        "se": error,
        "rows": len(rows.scored),
        "questions": len(asked),
        "tokens": len(asked) * rows.x.shape[1],
        "findings": score.findings(),
        "seconds": round(time.monotonic() - began, 3),
        "scoring": round(worked, 3),
    }


class Desk:
    """Where rows are laid down and logits picked up: memory that two processes share."""

    def __init__(
        self, torch: Any, line: Channel, fd: int, channel: Channel, size: tuple[int, int, int]
    ) -> None:
        """``channel`` is told whose turn it is; ``size`` is (rows, length, vocabulary)."""
        self._torch, self._line, self._fd, self._channel = torch, line, fd, channel
        self._rows, self._length, self._vocabulary = size
        self._shape: tuple[int, ...] = ()
        self._dtype: Any = None
        os.ftruncate(fd, self._rows * self._length * 8)
        self._shared = mmap.mmap(fd, 0)

    def ask(self, x: Any) -> Any:
        """The logits of a batch of rows, a copy that nobody else can change any more."""
        self._shared[: x.numel() * 8] = x.contiguous().numpy().tobytes()
        self._channel.tell("question")
        self._line.send({"rows": self._rows, "length": self._length})
        said = self._line.receive(LONGEST)
        if not {"shape", "dtype"} <= said.keys():
            raise ValueError("a message that names no logits")
        shape, dtype = self._checked(said["shape"], said["dtype"])
        if not self._shape:
            self._channel.tell("room")
            self._make_room(shape, dtype)
            self._channel.tell("question")
        if (shape, dtype) != (self._shape, self._dtype):
            raise ValueError(f"logits of shape {shape} after {self._shape}")
        self._line.send({})
        self._line.receive(LONGEST)
        self._channel.tell("answered")
        count, offset = math.prod(shape), self._rows * self._length * 8
        answer = self._torch.frombuffer(self._shared, dtype=dtype, count=count, offset=offset)
        return answer.clone().view(*shape)

    def _checked(self, shape: Any, dtype: Any) -> tuple[tuple[int, ...], Any]:
        known = {name: getattr(self._torch, name) for name in ("float32", "bfloat16", "float16")}
        known["float64"] = self._torch.float64
        if dtype not in known:
            raise ValueError(f"logits of type {str(dtype)[:40]}")
        if (
            not isinstance(shape, list)
            or len(shape) != 3
            or shape[:2] != [self._rows, self._length]
        ):
            raise ValueError(f"logits of shape {str(shape)[:60]}")
        if not isinstance(shape[2], int) or not (
            self._vocabulary <= shape[2] <= 2 * self._vocabulary + 1024
        ):
            raise ValueError(f"logits over {shape[2]} tokens; there are {self._vocabulary}")
        return tuple(shape), known[dtype]

    def _make_room(self, shape: tuple[int, ...], dtype: Any) -> None:
        self._shape, self._dtype = shape, dtype
        size = self._rows * self._length * 8 + math.prod(shape) * dtype.itemsize
        self._shared.close()
        os.ftruncate(self._fd, size)
        with contextlib.suppress(OSError, AttributeError):  # where it is no memfd
            fcntl.fcntl(self._fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        # Filled now, so that the first answer costs the run no more than the others.
        flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
        self._shared = mmap.mmap(self._fd, 0, flags=flags)
