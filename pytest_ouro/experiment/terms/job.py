"""A job to run, its environment variables and its progress."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.child_environment import child_environment
from pytest_ouro.core.fast_dataclass import dataclass, field

if TYPE_CHECKING:
    from pytest_ouro.child.job import Job as Message
    from pytest_ouro.evidence.records.run_record import StartedRun
    from pytest_ouro.experiment.terms.printed import Printed

#: The variables that name a folder for files that are needed during a run alone.
_TEMPORARY = ("TMPDIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUDA_CACHE_PATH")
#: The code that runs in the script's process and in the judge's.
CHILD = Path(__file__).parents[2] / "child"


@dataclass(frozen=True)
class Position:
    """The progress of a run, in seconds: ``window`` is how long it has trained on the bound's clock
    (None until the window begins), ``budget`` how long it may train, and ``wall`` the time since
    the run began.

    ``text`` is the progress that the script printed, as `console_text.position` returns it.
    ``ended``: the training has ended, and its result is evaluated. ``run`` is the record of the
    run's start, None where it is not known.
    """

    window: float | None
    budget: float
    wall: float
    text: str = ""
    ended: bool = False
    run: StartedRun | None = None


#: A function that is called with the position a few times a second during a run.
Progress = Callable[[Position], None]


@dataclass(frozen=True, kw_only=True)
class Job:
    """A script or command to run, with all times in seconds. ``program`` is its name in messages to
    the user.

    ``python`` is the command that starts the interpreter, in ``folder``; temporary files go to
    ``scratch``. ``message`` is sent to the launcher. ``log`` is overwritten, or continued with
    ``append``. ``settings`` are further environment variables; ``hide_cuda`` hides all cards. The
    window, timed on ``clock``, begins at most ``startup_seconds`` after the script starts, and at
    most ``warmup_seconds`` after its first batch. The run is ended when the window exceeds
    ``limit`` (None: `run_clock.OVERRUN` times the budget and, unless the clock is ``steps``, a
    second), or after ``timeout`` of wall time. ``judge`` is sent to the judge; if it is None, no
    judge is started, and the script's own process computes the metric. The run is confined to
    ``cores`` if there are any. A sandbox hides the folders ``hidden`` beside the repository. A
    ``rehearsal`` is never kept. ``printed`` says how the program prints the metric (None: it is not
    read), and ``guarded`` how it prints the numbers that guards limit.
    """

    program: str
    python: tuple[str, ...]
    folder: Path
    scratch: Path
    log: Path
    message: Message
    budget: float
    clock: Literal["wall", "cpu", "steps"]
    timeout: float
    limit: float | None = None
    append: bool = False
    warmup_seconds: float = 0.0
    startup_seconds: float = math.inf
    hide_cuda: bool = False
    cores: frozenset[int] = frozenset()
    hidden: tuple[Path, ...] = ()
    rehearsal: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    judge: Message | None = None
    printed: Printed | None = None
    guarded: tuple[Printed, ...] = ()


def environment(job: Job) -> dict[str, str]:
    """Return the environment variables of a job, and make its private folder below ``scratch``.

    The variables are those of `child_environment`, then TMPDIR and those that name the cache
    folders of torch and CUDA, all with that folder, then the job's settings; of two with one name
    the later one counts. With ``hide_cuda``, CUDA_VISIBLE_DEVICES is "" whatever the settings say.
    Raise OSError if the folder cannot be made.
    """
    env, folder = child_environment(), job.scratch / "tmpdir"
    folder.mkdir(parents=True, exist_ok=True)  # a script may write there at once
    env.update(dict.fromkeys(_TEMPORARY, str(folder)))
    env.update(job.settings)
    if job.hide_cuda:
        env["CUDA_VISIBLE_DEVICES"] = ""
    return env
