"""Answer the judge from the training process: rows in, the model's logits out.

judge.py asks the questions and computes the score. Nothing in this process is trusted.
"""

from __future__ import annotations

import inspect
import mmap
import sys
from typing import TYPE_CHECKING, Any, cast

from .channel import Channel

if TYPE_CHECKING:
    from .job import Job, Question


def serve(model: Any, batch_size: Any, device: Any, job: Job) -> float:
    """Answer the judge's questions with the model's logits until the judge sends the score; return
    the score.

    ``batch_size`` is passed to the judge, as 0 if it is not an int. The rows are moved to
    ``device``; None means CUDA if there is a card, else the processor. Raise TypeError if
    ``model(x)`` does not return logits, RuntimeError if the judge has ended.
    """
    torch = sys.modules["torch"]
    # The compiled wrapper would compile again for a call without targets.
    network = getattr(model, "_orig_mod", model)
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        line = Channel(job["line"])
        line.send({"batch_size": batch_size if isinstance(batch_size, int) else 0})
        while True:
            message = cast("Question", line.receive())
            if "value" in message:
                return message["value"]
            rows, length = message["rows"], message["length"]
            with torch.no_grad():
                x = _tensor(torch, job, (rows, length), torch.int64).clone().to(device)
                logits = _logits(torch, call(network, x), rows, length)
                line.send({"shape": list(logits.shape), "dtype": str(logits.dtype)[6:]})
                line.receive()  # the judge has made room for the logits
                offset = rows * length * 8
                _tensor(torch, job, logits.shape, logits.dtype, offset).copy_(logits)
            line.send({})
    except (EOFError, OSError):
        raise RuntimeError("the judge is gone: a run has one evaluation") from None


def call(network: Any, x: Any) -> Any:
    """Return what the model ``network`` returns for the tokens ``x`` alone, without targets. Raise
    TypeError, with a remedy, if its signature demands more arguments; else what the model raises is
    raised."""
    try:
        return network(x)
    except TypeError as error:
        try:
            inspect.signature(getattr(network, "forward", network)).bind(x)
        except TypeError as missing:
            raise TypeError(
                f"the evaluation calls model(x) without targets: {missing}; let forward have a "
                "default, targets=None, and return the logits then"
            ) from error
        except ValueError:
            pass  # it has no signature
        raise


def _logits(torch: Any, answer: Any, rows: int, length: int) -> Any:
    """Return ``answer``, what the model returned for a batch, as a tensor without gradients. Raise
    TypeError unless it is a floating point tensor of shape (``rows``, ``length``, any size)."""
    got: Any = type(answer).__name__
    if isinstance(answer, torch.Tensor):
        got = tuple(answer.shape)
        if len(got) == 3 and got[:2] == (rows, length) and answer.is_floating_point():
            return answer.detach()
    raise TypeError(
        f"model(x) without targets must return the logits, floating point of shape "
        f"({rows}, {length}, vocabulary), for the judge to score; it returned {got}"
    )


def _tensor(torch: Any, job: Job, shape: Any, dtype: Any, offset: int = 0) -> Any:
    """Return a tensor of this shape and type that lies in the memory shared with the judge, from
    byte ``offset`` on. Writing to the tensor writes to that memory."""
    shared = mmap.mmap(job["shared"], 0)
    count = 1
    for size in shape:
        count *= size
    return torch.frombuffer(shared, dtype=dtype, count=count, offset=offset).view(*shape)
