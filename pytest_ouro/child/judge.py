"""The judge: a process of its own that alone holds the validation targets.

It builds the harness from the same trusted bytes, and learns from the harness's own evaluation
which rows count. Then it asks the training process for the logits of those rows, and computes the
score itself. The other end of its line is hostile: whatever it says is a logit, or no answer.
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
from typing import TYPE_CHECKING, Any

from . import harness
from .channel import LONGEST, Channel, die_with, keep_to_itself

if TYPE_CHECKING:
    import types

#: Logits that are asked by default, about: 2^34 float32 are 69 GB through shared memory.
COST = 2**34
#: Which rows count where they are not all asked: always the same.
SEED = 20260
_MAX_BATCH = 256
#: Batches that are asked at least: the pace of answers is that of most of them.
_BATCHES = 8


class Unable(Exception):
    """Why this harness cannot be judged from outside."""


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


def rows_of(module: types.ModuleType, job: dict[str, Any]) -> Any:
    """The rows that the harness's own evaluation reads, as scoring.Rows; Unable says why not."""
    if "torch" not in sys.modules:
        raise Unable("the harness does not use torch")
    import torch

    from .scoring import Rows, bits_per_byte

    num_bytes = module.get_token_bytes(device="cpu").long()
    wanted = _wanted(module, job, len(num_bytes))
    seen = _Listener(torch)
    tokenizer = module.Tokenizer.from_directory()
    value = getattr(module, job["evaluate"])(seen, tokenizer, 1)
    if not seen.x:
        raise Unable(f"{job['evaluate']} never asks the model")
    x, y = torch.cat(seen.x), torch.cat(seen.y)
    own = bits_per_byte(torch.cat(seen.nats).double(), num_bytes[y.flatten()])
    if not math.isclose(own, float(value), rel_tol=1e-4):
        raise Unable(f"{job['evaluate']} is not bits per byte by get_token_bytes()")
    if not bool((y[:, :-1] == x[:, 1:]).all()):
        raise Unable("a target of the harness is not the token that follows its input")
    some = range(len(x)) if wanted >= len(x) else random.Random(SEED).sample(range(len(x)), wanted)
    return Rows(x, y, num_bytes, tuple(sorted(some)))


def _wanted(module: types.ModuleType, job: dict[str, Any], vocabulary: int) -> int:
    """How many rows are scored; the harness is told to read about twice as many, and no more."""
    length, tokens = getattr(module, "MAX_SEQ_LEN", 0), getattr(module, "EVAL_TOKENS", 0)
    asked = int(job.get("rows") or 0)
    if not (isinstance(length, int) and isinstance(tokens, int) and length and tokens):
        return asked or sys.maxsize
    every = max(1, tokens // length)
    wanted = min(every, asked or max(64, COST // (length * vocabulary)))
    if wanted * 2 < every:
        module.EVAL_TOKENS = wanted * 2 * length  # type: ignore[attr-defined]
    return wanted


class _Listener:
    """Stands in for the model: notes the rows, and answers losses that show how they are used."""

    def __init__(self, torch: Any) -> None:
        self._torch = torch
        self._chance = torch.Generator().manual_seed(SEED)
        self.x: list[Any] = []
        self.y: list[Any] = []
        self.nats: list[Any] = []

    def __call__(self, x: Any, y: Any, reduction: str = "none") -> Any:
        if reduction != "none" or x.shape != y.shape or x.dim() != 2:
            raise Unable("the evaluation does not ask for the loss of every target")
        nats = 1 + self._torch.rand(y.numel(), generator=self._chance)
        self.x.append(x.cpu().long().clone())
        self.y.append(y.cpu().long().clone())
        self.nats.append(nats)
        return nats.to(x.device)

    def eval(self) -> _Listener:
        return self

    def train(self, mode: bool = True) -> _Listener:
        return self


def examine(
    rows: Any, line: Channel, job: dict[str, Any], batch_size: Any, channel: Channel
) -> dict[str, Any]:
    """Ask every question of a plan that nobody could foresee; the score and the findings.

    The supervisor is told, for its clock, whose turn it is.
    """
    import torch

    from .scoring import Score, losses, plan

    began = time.monotonic()
    asked = plan(rows, random.SystemRandom().getrandbits(64))
    size = batch_size if isinstance(batch_size, int) and 0 < batch_size <= _MAX_BATCH else 16
    size = min(size, -(-len(asked) // _BATCHES))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    shape = (size, rows.x.shape[1], len(rows.num_bytes))
    desk = Desk(torch, line, job["shared"], channel, shape)
    score = Score(rows, asked)
    worked = time.thread_time()
    for first in range(0, len(asked), size):
        some = asked[first : first + size]
        # Always the same shape: another one could be computed by other kernels.
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
