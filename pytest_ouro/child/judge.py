"""The judge: a separate process that alone holds the validation targets.

It builds the harness from the same trusted bytes, and learns from the harness's own evaluation
which rows count. Then it asks the training process for the logits of those rows, and computes the
score itself. No question shows a target that is scored later (see ``scoring.plan``). The training
process is hostile: the judge accepts logits from it and nothing else.
"""

from __future__ import annotations

import base64
import math
import mmap
import os
import random
import sys
import time
from typing import TYPE_CHECKING, Any, TypedDict, cast

from . import harness
from .channel import LONGEST, Channel, die_with, make_undumpable
from .kernel.system import seal_size
from .rows import read_rows

if TYPE_CHECKING:
    from .job import Job

_MAX_BATCH = 256
#: The smallest number of batches. The supervisor takes their median time as the usual pace.
_BATCHES = 8
#: The most bytes of a file that one message carries.
_PART = 1 << 18


class ScoreEvent(TypedDict):
    """The facts of the event ``judged``, which the judge reports to the supervisor: the score in
    bits per byte and its standard error ``se``, over ``rows`` rows; the number of ``decimals`` to
    which the score is rounded (None: it is not); how many further rows are in the ``vault``; the
    numbers of questions and of their tokens; the findings; ``seconds`` of wall time, and
    ``scoring``, the CPU seconds of the judge's own thread."""

    value: float
    se: float
    decimals: int | None
    rows: int
    vault: int
    questions: int
    tokens: int
    findings: list[str]
    seconds: float
    scoring: float


def start(fd: int) -> None:
    """Serve as the judge: receive the job over ``fd``, read the validation rows and score one
    model.

    Report to the supervisor ``ready`` when the rows are read, ``asked`` when the training process
    calls, ``losses`` with the files of losses by row, in parts, and ``judged`` with the score,
    which the training process gets too. Report ``unable``, and nothing more, if the rows cannot be
    read, and ``finding`` in place of ``judged`` if an answer is not a prediction. If the run ends
    before the score, report nothing more.
    """
    channel = Channel(fd)
    make_undumpable()
    job = cast("Job", channel.receive())
    die_with(job["supervisor"], channel)
    sys.stdout = sys.stderr  # the harness may print; nothing reads it as an answer
    try:
        rows = read_rows(harness.build(job, install=True), job)
    except Exception as error:
        channel.report("unable", why=f"{type(error).__name__}: {error}"[:400])
        return
    channel.report("ready", rows=len(rows.scored), length=rows.x.shape[1])
    line = Channel(job["line"])
    try:
        hello = line.receive(LONGEST)
        channel.report("asked")
        result = score_model(rows, line, job, hello.get("batch_size"), channel)
        channel.report("judged", **result)
        line.send({"value": result["value"]})
    except (EOFError, OSError):
        return  # the run ended before or during the evaluation
    except (ValueError, TypeError, LookupError) as error:
        text = f"the answer to the judge is not a prediction: {error}"
        channel.report("finding", text=text[:400])


def score_model(
    rows: Any, line: Channel, job: Job, batch_size: Any, channel: Channel
) -> ScoreEvent:
    """Ask the training process every question of a randomly drawn plan for ``rows``; report the
    losses by row, and return the score and the findings. The score leaves out the rows of the
    vault, which have a file of losses of their own.

    ``line`` leads to the training process, ``channel`` to the supervisor. Each change of turn is
    reported to the supervisor, which charges the run for the time of its turns. Questions are asked
    in batches of ``batch_size`` rows if that is an int from 1 to 256, else of 16; in smaller ones
    if there would be fewer than ``_BATCHES`` batches. Raise ValueError if an answer is not logits,
    EOFError or OSError if the training process is gone.
    """
    import torch

    from .losses import file, slices
    from .rows import choose_vault
    from .scoring import Score, batches, bits_per_byte, losses, plan, standard_error

    began = time.monotonic()
    asked = plan(rows, random.SystemRandom().getrandbits(64))
    size = batch_size if isinstance(batch_size, int) and 0 < batch_size <= _MAX_BATCH else 16
    size = min(size, -(-len(asked) // _BATCHES))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    shape = (size, rows.x.shape[1], len(rows.num_bytes))
    exchange = LogitExchange(torch, line, job["shared"], channel, shape)
    score = Score(rows, asked)
    worked = time.thread_time()
    for some in batches(asked, size):
        # Every batch has the same shape, since other shapes may use other kernels. Questions of
        # the first batch, which is full, fill up a short one: they show nothing new.
        full = [*some, *asked[: size - len(some)]]
        logits = exchange.ask(torch.stack([rows.tokens(question) for question in full]))
        for place, question in enumerate(some):
            row = logits[place : place + 1].to(device)
            score.add(losses(row, rows.y[question.row : question.row + 1].to(device)))
    worked = time.thread_time() - worked
    order, nats, num_bytes = score.by_target()
    rare = slices.find_rare(rows.y[order], rows.num_bytes)
    vault = choose_vault(order, job.get("vault", 0.0))
    counts = [number for number, row in enumerate(order) if row not in vault]
    others = [number for number, row in enumerate(order) if row in vault]
    for name, places in (("rows", counts), ("vault", others)):
        if places:
            indexes = [order[place] for place in places]
            parts = nats[places], num_bytes[places], rare[places]
            _send_file(channel, name, file.pack(slices.sum_up(indexes, *parts)))
    value, decimals = bits_per_byte(nats[counts], num_bytes[counts]), job.get("score_decimals")
    return {
        "value": value if decimals is None else round(value, decimals),
        "se": standard_error(nats[counts], num_bytes[counts]),
        "decimals": decimals,
        "rows": len(counts),
        "vault": len(others),
        "questions": len(asked),
        "tokens": len(asked) * rows.x.shape[1],
        "findings": score.findings(),
        "seconds": round(time.monotonic() - began, 3),
        "scoring": round(worked, 3),
    }


def _send_file(channel: Channel, name: str, content: bytes) -> None:
    """Report the content of the file ``name`` of losses to the supervisor, in parts."""
    for start in range(0, len(content), _PART):
        part = base64.b64encode(content[start : start + _PART]).decode()
        channel.report("losses", file=name, part=part)


class LogitExchange:
    """The judge's exchange with the training process: it sends rows and receives logits, through
    memory that both share."""

    def __init__(
        self, torch: Any, line: Channel, fd: int, channel: Channel, size: tuple[int, int, int]
    ) -> None:
        """Make the shared memory, the descriptor ``fd``, large enough for the rows. ``line`` leads
        to the training process, ``channel`` to the supervisor; ``size`` is (rows, length,
        vocabulary)."""
        self._torch, self._line, self._fd, self._channel = torch, line, fd, channel
        self._rows, self._length, self._vocabulary = size
        self._shape: tuple[int, ...] = ()
        self._dtype: Any = None
        os.ftruncate(fd, self._rows * self._length * 8)
        self._shared = mmap.mmap(fd, 0)

    def ask(self, x: Any) -> Any:
        """Send the rows ``x``, token ids of shape (B, T), to the training process; return a copy of
        the logits, of shape (B, T, V), with which it answers. Report each change of turn to the
        supervisor.

        Raise ValueError for any other answer, or if shape or type are not those of the first
        answer; EOFError or OSError if the training process is gone.
        """
        self._shared[: x.numel() * 8] = x.contiguous().numpy().tobytes()
        self._channel.report("question")
        self._line.send({"rows": self._rows, "length": self._length})
        said = self._line.receive(LONGEST)
        if not {"shape", "dtype"} <= said.keys():
            raise ValueError("a message without the shape and type of logits")
        shape, dtype = self._checked(said["shape"], said["dtype"])
        if not self._shape:
            self._channel.report("room")
            self._make_room(shape, dtype)
            self._channel.report("question")
        if (shape, dtype) != (self._shape, self._dtype):
            raise ValueError(f"logits of shape {shape} after {self._shape}")
        self._line.send({})
        self._line.receive(LONGEST)
        self._channel.report("answered")
        count, offset = math.prod(shape), self._rows * self._length * 8
        answer = self._torch.frombuffer(self._shared, dtype=dtype, count=count, offset=offset)
        return answer.clone().view(*shape)

    def _checked(self, shape: Any, dtype: Any) -> tuple[tuple[int, ...], Any]:
        """Check the ``shape`` and ``dtype`` that the training process states for its logits; return
        them as a tuple of ints and as torch's dtype. ValueError unless ``shape`` is a list of ints
        [rows, length, V], with the exchange's own rows and length, and V at least the size of the
        vocabulary and at most twice that plus 1024, and ``dtype`` is "float32", "bfloat16",
        "float16" or "float64"."""
        names = ("float32", "bfloat16", "float16", "float64")
        known = {name: getattr(self._torch, name) for name in names}
        if not isinstance(dtype, str) or dtype not in known:
            raise ValueError(f"logits of type {str(dtype)[:40]}")
        sizes = [size for size in shape if type(size) is int] if isinstance(shape, list) else []
        if len(sizes) != 3 or sizes != shape or sizes[:2] != [self._rows, self._length]:
            raise ValueError(f"logits of shape {str(shape)[:60]}")
        most = 2 * self._vocabulary + 1024
        if not self._vocabulary <= sizes[2] <= most:
            raise ValueError(f"logits over {sizes[2]} tokens; there are {self._vocabulary}")
        return tuple(sizes), known[dtype]

    def _make_room(self, shape: tuple[int, ...], dtype: Any) -> None:
        """Enlarge the shared memory for logits of this shape and type, and fix its size. Note shape
        and type, since every later answer must have the same."""
        self._shape, self._dtype = shape, dtype
        size = self._rows * self._length * 8 + math.prod(shape) * dtype.itemsize
        self._shared.close()
        os.ftruncate(self._fd, size)
        seal_size(self._fd)
        # Allocate the pages now, so that the first answer does not cost the run more time.
        flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
        self._shared = mmap.mmap(self._fd, 0, flags=flags)
