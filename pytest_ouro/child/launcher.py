"""The child: builds the harness from trusted bytes, then runs the script as ``__main__``.

What it reports is observed in the script's own process, which is why a record made by it alone is
called *supervised* and no more. With a judge it only serves predictions, and the score is the
judge's; with a sandbox nothing of the experiment runs before the doors are shut.
"""

from __future__ import annotations

import importlib
import inspect
import operator
import os
import pathlib
import signal
import sys
import traceback
import types
from typing import Any

from . import harness, predictor, probes
from .channel import Channel
from .subreaper import fork_supervised

#: Names of a split that only the evaluation reads.
HELD_OUT = ("val", "valid", "validation", "test", "eval")


class Watch:
    """Reports the first training batch after the warm-up allowance, and the evaluation."""

    def __init__(self, module: types.ModuleType, job: dict[str, Any], channel: Channel) -> None:
        self._job, self._channel = job, channel
        self._load = getattr(module, job["loader"], None)
        self._evaluate = getattr(module, job["evaluate"])
        self._plain = {str, int, bool, type(None), *_classes(module)}
        self._served = 0
        self._started = False
        self._device: Any = None
        if self._load is not None:
            setattr(module, job["loader"], self.loader)
        setattr(module, job["evaluate"], self.evaluation)

    def loader(self, *args: Any, **kwargs: Any) -> Any:
        assert self._load is not None
        split = _argument(self._load, "split", args, kwargs)
        if type(split) not in self._plain:  # it may compare otherwise than it reads
            raise PermissionError("the split must be a plain string, for all to read alike")
        if split in HELD_OUT:
            raise PermissionError(f"the split {split!r} is for the evaluation alone, not to train")
        return self._serve(self._load(*args, **kwargs))  # what it loads, it loads now

    def _serve(self, batches: Any) -> Any:
        for batch in batches:
            if not self._started and self._served >= self._job["warmup_tokens"]:
                self._started = True
                self._channel.tell("start")
            elif not self._served:
                self._channel.tell("warm-up")
            first = batch[0] if isinstance(batch, (tuple, list)) else batch
            self._served += int(first.numel()) if hasattr(first, "numel") else 1
            self._device = getattr(first, "device", None)
            yield batch

    def evaluation(self, *args: Any, **kwargs: Any) -> Any:
        _synchronize()
        self._channel.tell("evaluate", served=self._served)
        value = self._judged(args, kwargs) if "line" in self._job else self._scored(args, kwargs)
        self._channel.tell("measured", value=repr(float(value)), peak_mb=_peak_mb())
        return value

    def _judged(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> float:
        """The judge's score: this process only answers what the model predicts."""
        return predictor.serve(
            _argument(self._evaluate, "model", args, kwargs, first=True),
            _argument(self._evaluate, "batch_size", args, kwargs),
            self._device,
            self._job,
        )

    def _scored(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The score by a harness made anew: what was done to the first one is not in it."""
        fresh = harness.build(self._job)
        evaluate = getattr(fresh, self._job["evaluate"])
        model = _argument(evaluate, "model", args, kwargs, first=True)
        args, kwargs = _as_the_harness_would(fresh, evaluate, args, kwargs)
        with probes.Probes(fresh, self._job, model) as found:
            value = evaluate(*args, **kwargs)
        for text in found.findings:
            self._channel.tell("finding", text=text)
        return value


def _classes(module: types.ModuleType) -> set[type]:
    """What the harness defines itself: a split may be of a kind of its own."""
    return {value for value in vars(module).values() if isinstance(value, type)}


def _argument(
    function: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], first: bool = False
) -> Any:
    """What a call passes for a parameter, by its name or as the ``first``; None if nothing."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):
        bound = kwargs
    if name in bound:
        return bound[name]
    return args[0] if first and args else None


def _as_the_harness_would(
    module: types.ModuleType, evaluate: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The call with the harness's own tokenizer, and in batches that leave no row out."""
    try:
        bound = inspect.signature(evaluate).bind(*args, **kwargs)
    except TypeError:
        return args, kwargs  # the evaluation says what is wrong
    load = getattr(getattr(module, "Tokenizer", None), "from_directory", None)
    if load is not None and bound.arguments.get("tokenizer") is not None:
        bound.arguments["tokenizer"] = load()
    size: Any = bound.arguments.get("batch_size")
    if hasattr(size, "__index__"):  # one of a kind of its own could multiply as it likes
        size = bound.arguments["batch_size"] = int.__add__(operator.index(size), 0)
    tokens, length = getattr(module, "EVAL_TOKENS", 0), getattr(module, "MAX_SEQ_LEN", 0)
    if all(type(number) is int and number > 0 for number in (size, tokens, length)):
        bound.arguments["batch_size"] = _even(size, tokens // length)
    return bound.args, bound.kwargs


def _even(size: int, rows: int) -> int:
    """The largest batch, no larger than asked for, that divides the rows; as asked for where that
    is less than half of it."""
    best = next((n for n in range(min(size, rows), 0, -1) if rows % n == 0), size)
    return best if 2 * best >= min(size, rows) else size


def _cuda() -> Any:
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None


def _synchronize() -> None:
    if cuda := _cuda():
        cuda.synchronize()


def _peak_mb() -> float:
    cuda = _cuda()
    return cuda.max_memory_allocated() / 2**20 if cuda else 0.0


def describe() -> dict[str, str]:
    """What this environment computes with."""
    torch = sys.modules.get("torch")
    facts = {"python": sys.version.split()[0], "torch": "", "device": "", "device_name": ""}
    if torch is not None:
        facts["torch"] = str(torch.__version__)
        facts["device"] = "cuda" if torch.cuda.is_available() else "cpu"
        if facts["device"] == "cuda":
            facts["device_name"] = torch.cuda.get_device_name(0)
    return facts


def run_script(job: dict[str, Any]) -> None:
    """Execute the script's bytes as ``__main__``."""
    main = types.ModuleType("__main__")
    main.__file__ = job["script_path"]
    sys.modules["__main__"] = main
    sys.argv = [job["script_path"]]
    harness.execute(job["script_source"], job["script_path"], main.__dict__)


def run_command(command: list[str], channel: Channel) -> None:
    """Become the command: nothing of this program, and no way to the supervisor, is left in it."""
    channel.close_on_exec()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores them, and a child inherits that
    channel.tell("start")
    try:
        os.execvp(command[0], command)
    except OSError as error:
        raise OSError(f"'{command[0]}' cannot be started: {error.strerror}") from None


def words(error: Exception) -> str:
    """What the exception says; "" where it fails to say it."""
    try:
        return str(error)
    except Exception:
        return ""


def start(fd: int) -> None:
    channel = Channel(fd)
    job = channel.receive()
    fork_supervised(channel)  # outside of the sandbox
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, no CPU seconds of children count
    # The experiment's own folder comes last: nothing in it can stand in for an installed package.
    sys.path.append(job["root"])
    stage = "sandbox"
    try:
        if job.get("salt"):
            reseed = importlib.import_module(".reseed", __package__)
            reseed.install(job["salt"], harness=job.get("harness", ""))
        if "sandbox" in job:
            importlib.import_module(".sandbox", __package__).enter(job["sandbox"])
        stage = "harness"
        if job["mode"] == "experiment":
            Watch(harness.build(job, install=True), job, channel)
            channel.tell("ready", **describe())
        stage = "script"
        if job["mode"] == "command":
            run_command(job["command"], channel)
        run_script(job)
    except Exception as error:
        sys.stdout.flush()
        own = error.__traceback__
        while own is not None and _is_ours(own.tb_frame.f_code.co_filename):
            own = own.tb_next
        traceback.print_exception(type(error), error, own)
        sys.stderr.flush()
        frames = traceback.extract_tb(own)
        place = f"{pathlib.Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        name = getattr(error, "name", "") if isinstance(error, ImportError) else ""
        channel.tell(
            "exception", stage=stage, type=type(error).__name__, text=words(error)[:400],
            place=place, module=name or "",
        )  # fmt: skip
        sys.exit(1)


def _is_ours(filename: str) -> bool:
    return pathlib.Path(filename).parent == pathlib.Path(__file__).parent
