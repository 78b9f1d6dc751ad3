"""Read the validation rows; choose those to score and the spare ones for the judge's tests."""

from __future__ import annotations

import contextlib
import math
import random
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import types
    from collections.abc import Sequence

    from .job import Job

#: Default number of logits requested: 2^34 float32 are 69 GB through shared memory.
COST = 2**34
#: Seed for the choice of the scored rows if not all are asked: always the same rows.
SEED = 20260
#: The fewest scored rows of which some go into the vault, and the fewest that go into it.
FEWEST, SMALLEST = 512, 16
#: Further rows to read for each spare row that is needed, since some may repeat others.
FURTHER = 4
#: Bounds of the number of consecutive tokens above which two rows hold the same text.
SAME = (16, 64)


class Unable(Exception):
    """Raised by `read_rows` if the judge cannot score this harness; the message says why. An
    exception of the harness itself is raised as it is."""


def read_rows(module: types.ModuleType, job: Job) -> Any:
    """Run the harness's evaluation with a fake model, and return as `Rows` the rows that the
    evaluation passes to the model, with the indexes of the rows to score and of the spare rows. Of
    many rows only some are read (`_count_scored`); if spare rows are too few, further rows are read
    (`_extend`).

    Raise Unable if the harness does not use torch, if the evaluation never calls the model or asks
    it for anything but the loss of every target, if the harness's metric is not bits per byte, or
    if a target is not the next input. An error of the harness itself is raised too.
    """
    if "torch" not in sys.modules:
        raise Unable("the harness does not use torch")
    import torch

    from .scoring import Rows, bits_per_byte

    num_bytes = module.get_token_bytes(device="cpu").long()
    wanted = _count_scored(module, job, len(num_bytes))
    seen = _RecordingModel(torch)
    value = _evaluate(module, job, seen)
    if not seen.x:
        raise Unable(f"{job['evaluate']} never asks the model")
    x, y = torch.cat(seen.x), torch.cat(seen.y)
    own = bits_per_byte(torch.cat(seen.nats).double(), num_bytes[y.flatten()])
    if not math.isclose(own, float(value), rel_tol=1e-4):
        raise Unable(f"{job['evaluate']} is not bits per byte by get_token_bytes()")
    if not bool((y[:, :-1] == x[:, 1:]).all()):
        raise Unable("a target of the harness is not the token that follows its input")
    order = random.Random(SEED).sample(range(len(x)), len(x))[:wanted]
    x, y = _extend(module, job, x, y, len(order))
    return Rows(x, y, num_bytes, *split_rows(x, y, order))


def _count_scored(module: types.ModuleType, job: Job, vocabulary: int) -> int:
    """Return how many rows to score: the number that the job states or, without one, as many as
    `COST` allows and at least 64. It is never more than the harness has, EVAL_TOKENS //
    MAX_SEQ_LEN.

    If the harness has more than twice the returned number of rows, lower its EVAL_TOKENS to twice
    that number. If the harness lacks MAX_SEQ_LEN or EVAL_TOKENS, return the number that the job
    states, or else ``sys.maxsize``.
    """
    length, tokens = getattr(module, "MAX_SEQ_LEN", 0), getattr(module, "EVAL_TOKENS", 0)
    asked = int(job.get("rows") or 0)
    if not (isinstance(length, int) and isinstance(tokens, int) and length and tokens):
        return asked or sys.maxsize
    every = max(1, tokens // length)
    wanted = min(every, asked or max(64, COST // (length * vocabulary)))
    if wanted * 2 < every:
        module.EVAL_TOKENS = wanted * 2 * length  # type: ignore[attr-defined]
    return wanted


def _evaluate(module: types.ModuleType, job: Job, model: Any) -> Any:
    """Return what the harness's evaluation returns for this model, with a new tokenizer and a batch
    size of 1; raise what it raises."""
    return getattr(module, job["evaluate"])(model, module.Tokenizer.from_directory(), 1)


def _extend(module: types.ModuleType, job: Job, x: Any, y: Any, scored: int) -> Any:
    """Return a pair: the inputs ``x`` and targets ``y``, with further rows behind them if the plan
    needs more spare rows than are left beside the ``scored`` rows (their number).

    Further rows are read by one evaluation with a higher EVAL_TOKENS; if it raises an exception,
    what was read until then is used. ``x`` and ``y`` are returned unchanged if the harness has no
    EVAL_TOKENS, if what is read does not begin with the same rows, or if a target is not the next
    input.
    """
    import torch

    from .scoring import count_spare

    short = count_spare(scored) - (len(x) - scored)
    if short <= 0 or not hasattr(module, "EVAL_TOKENS"):
        return x, y
    before, seen = module.EVAL_TOKENS, _RecordingModel(torch)
    module.EVAL_TOKENS = (len(x) + FURTHER * short) * x.shape[1]  # type: ignore[attr-defined]
    with contextlib.suppress(Exception, SystemExit):  # at the end of the text
        _evaluate(module, job, seen)
    module.EVAL_TOKENS = before  # type: ignore[attr-defined]
    rows = [(a, b) for a, b in zip(seen.x, seen.y, strict=True) if a.shape[1:] == x.shape[1:]]
    if not rows:
        return x, y
    wider = [torch.cat(parts) for parts in zip(*rows, strict=True)]
    same = all(torch.equal(new[: len(x)], old) for new, old in zip(wider, (x, y), strict=True))
    return wider if same and torch.equal(wider[0][:, 1:], wider[1][:, :-1]) else (x, y)


def split_rows(x: Any, y: Any, order: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return a tuple: the sorted indexes of the rows to score, and the indexes of the spare rows,
    at most as many as the plan needs.

    All rows of ``order`` are scored if enough others can be spare rows (`_spare`). If not, as few
    rows as possible at the end of ``order`` are not scored, and may become spare rows. But if this
    would give fewer than LEAST spare rows, all of ``order`` is scored, with the few spare rows that
    there are. Rows of one token have no spare rows.
    """
    from .scoring import LEAST, count_spare

    if x.shape[1] < 2:  # too short to be spliced
        return tuple(sorted(order)), ()
    spare = _spare(x, y, order)
    counts = range(len(order), 0, -1)
    count = next(n for n in counts if n == 1 or len(order) - n + len(spare) >= count_spare(n))
    if count < len(order) and count_spare(count) >= LEAST:
        held = _spare(x, y, order[:count])
        if len(held) >= LEAST:
            order, spare = order[:count], held
    return tuple(sorted(order)), tuple(spare[: count_spare(len(order))])


def choose_vault(scored: Sequence[int], share: float) -> frozenset[int]:
    """Return those of the ``scored`` rows that the score leaves out: the ``share`` of them, at
    least `SMALLEST`, always the same rows. There are none if the share is 0, or for fewer than
    `FEWEST` rows."""
    if share <= 0 or len(scored) < FEWEST:
        return frozenset()
    count = max(SMALLEST, round(share * len(scored)))
    return frozenset(random.Random(SEED + 1).sample(sorted(scored), count))


def _spare(x: Any, y: Any, scored: Sequence[int]) -> list[int]:
    """Return the indexes of the rows that can be spare: those that are not in ``scored``, and that
    repeat no text of a scored row or of an earlier row.

    Two rows hold the same text if they share more consecutive tokens than chance explains; if the
    harness starts its text over, later rows repeat earlier ones, perhaps shifted. Rows that begin
    or end like a scored row come last, so that they are used only if there are no others.
    """
    import torch

    from .scoring import END

    some = set(scored)
    rows = torch.tensor([*scored, *(n for n in range(len(x)) if n not in some)])
    tokens = torch.cat([x, y[:, -1:]], 1)[rows]
    width = min(tokens.shape[1], max(SAME[0], min(SAME[1], x.shape[1] // 4)))
    runs = _fingerprints(tokens, width)
    values, places = runs.flatten().sort(stable=True)
    owners = places // runs.shape[1]
    repeats = (values[1:] == values[:-1]) & (owners[1:] != owners[:-1])
    repeating = set(rows[owners[1:][repeats].unique()].tolist())
    ends = [{tuple(end) for end in part[scored].tolist()} for part in (x[:, :END], x[:, -END:])]

    def resembles(row: int) -> bool:
        return tuple(x[row, :END].tolist()) in ends[0] or tuple(x[row, -END:].tolist()) in ends[1]

    fresh = [row for row in rows[len(scored) :].tolist() if row not in repeating]
    return sorted(fresh, key=resembles)


def _fingerprints(tokens: Any, width: int) -> Any:
    """Return a hash of each ``width`` consecutive tokens of each row: for tokens of shape (N, L),
    int64 of shape (N, L - ``width`` + 1)."""
    import torch

    chance = torch.Generator().manual_seed(SEED)
    factors = torch.randint(-(2**62), 2**62, (width,), generator=chance)
    runs = tokens.shape[1] - width + 1
    found = torch.zeros(len(tokens), runs, dtype=torch.long)
    for place, factor in enumerate(factors.tolist()):
        found += tokens[:, place : place + runs] * factor  # int64 overflow is harmless
    return found


class _RecordingModel:
    """A fake model: it records the rows it is called with, and returns random losses, by which the
    harness's metric can be checked."""

    def __init__(self, torch: Any) -> None:
        self._torch = torch
        self._chance = torch.Generator().manual_seed(SEED)
        self.x: list[Any] = []
        self.y: list[Any] = []
        self.nats: list[Any] = []

    def __call__(self, x: Any, y: Any, reduction: str = "none") -> Any:
        """Record the rows ``x`` and their targets ``y``, both of shape (B, T), and return a random
        loss for each target, of shape (B * T,). Raise Unable if the two shapes differ or have
        another number of dimensions, or if ``reduction`` is not "none"."""
        if reduction != "none" or x.shape != y.shape or x.dim() != 2:
            raise Unable("the evaluation does not ask for the loss of every target")
        nats = 1 + self._torch.rand(y.numel(), generator=self._chance)
        self.x.append(x.cpu().long().clone())
        self.y.append(y.cpu().long().clone())
        self.nats.append(nats)
        return nats.to(x.device)

    def eval(self) -> _RecordingModel:
        """Return this model, unchanged."""
        return self

    def train(self, mode: bool = True) -> _RecordingModel:
        """Return this model, unchanged."""
        return self
