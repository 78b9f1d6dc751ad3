"""What is run: a job, its environment, and how its progress is told."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


#: What the child may see of our environment; the rest could colour the run or leak into it.
_PASSED = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "VIRTUAL_ENV"),
    *("CC", "CXX", "CUDA_HOME", "CUDA_PATH", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH"),
    *("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"),
)
#: The code that runs in the script's process and in the judge's.
CHILD = Path(__file__).parents[2] / "child"


@dataclass(frozen=True)
class Position:
    """Where a run stands. ``window`` is None until the clock has started."""

    window: float | None
    budget: float
    wall: float
    text: str = ""


class Progress(Protocol):
    """What is told while a run goes on: a position a few times a second."""

    def __call__(self, position: Position, /) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to run. ``message`` goes to the launcher as it is; seconds; ``log`` is written live,
    anew or with ``append`` at its end; ``settings`` are further environment variables. The window
    begins ``startup_seconds`` after the script at the latest, and the run is ended once it is
    longer than ``limit``. ``judge`` goes to a judge, a process that scores what the script's model
    predicts; without it the script's own process evaluates. A ``rehearsal`` is never kept."""

    python: tuple[str, ...]
    folder: Path
    scratch: Path
    log: Path
    message: Mapping[str, Any]
    budget: float
    clock: Literal["wall", "cpu"]
    timeout: float
    limit: float | None = None
    append: bool = False
    warmup_seconds: float = 0.0
    startup_seconds: float = math.inf
    hide_cuda: bool = False
    rehearsal: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    judge: Mapping[str, Any] | None = None


def passed() -> dict[str, str]:
    """What every child has of our environment, and how its Python and its tools are set."""
    env = {key: os.environ[key] for key in _PASSED if key in os.environ}
    env.update(
        PYTHONUNBUFFERED="1",
        PYTHONDONTWRITEBYTECODE="1",
        PYTHONNOUSERSITE="1",
        PYTHONHASHSEED="0",
        HF_HUB_OFFLINE="1",
        GIT_CONFIG_GLOBAL=os.devnull,
    )
    return env


def environment(job: Job) -> dict[str, str]:
    """The child's environment: a short list of ours, private caches, no way to the hub."""
    env = passed()
    for name in ("TMPDIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUDA_CACHE_PATH"):
        folder = job.scratch / name.lower()
        folder.mkdir(parents=True, exist_ok=True)
        env[name] = str(folder)
    env.update(job.settings)
    if job.hide_cuda:
        env["CUDA_VISIBLE_DEVICES"] = ""
    return env
