"""The launcher: build the harness from trusted bytes, then run the script as ``__main__``.

It observes from within the script's own process, so that a measurement without a judge is
*supervised* and no more. With a judge it only returns predictions, and the judge computes the
score. The sandbox is entered before any code of the experiment runs.
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
from typing import TYPE_CHECKING, Any, cast

from . import harness, predictor, probes
from .channel import Channel
from .subreaper import fork_supervised

if TYPE_CHECKING:
    from .job import Job

#: Names of a split that only the evaluation reads.
HELD_OUT = ("val", "valid", "validation", "test", "eval")


class HarnessHooks:
    """Wrap the harness's loader and evaluation to report the first batch and the metric."""

    def __init__(self, module: types.ModuleType, job: Job, channel: Channel) -> None:
        self._job, self._channel = job, channel
        self._load = getattr(module, job["loader"], None)
        self._evaluate = getattr(module, job["evaluate"])
        # A split may be an instance of a class of the harness.
        classes = {value for value in vars(module).values() if isinstance(value, type)}
        self._plain = {str, int, bool, type(None), *classes}
        self._served = 0
        self._started = False
        self._device: Any = None
        #: Digests of the generators, in a run with a salt.
        self._generators: dict[str, str] = {}
        if self._load is not None:
            setattr(module, job["loader"], self.loader)
        setattr(module, job["evaluate"], self.evaluation)

    def loader(self, *args: Any, **kwargs: Any) -> Any:
        assert self._load is not None
        split = _argument(self._load, "split", args, kwargs)
        if type(split) not in self._plain:  # a subclass could compare unlike it reads
            raise PermissionError("the split must be a plain string, for all to read alike")
        if split in HELD_OUT:
            raise PermissionError(f"the split {split!r} is for the evaluation alone, not to train")
        return self._serve(self._load(*args, **kwargs))  # called now, not at the first batch

    def _describe_generators(self, point: str) -> None:
        """Note the state of the global generators, in a run with a salt."""
        if self._job.get("salt"):
            reseed = importlib.import_module(".reseed", __package__)
            generators = importlib.import_module(".generators", __package__)
            left_out = frozenset(reseed.seeded_by_harness)
            self._generators.update(generators.digests(point, leave_out=left_out))

    def _serve(self, batches: Any) -> Any:
        if not self._served:
            self._describe_generators("the first batch")
        for batch in batches:
            if not self._started and self._served >= self._job["warmup_tokens"]:
                self._started = True
                self._channel.report("start")
            elif not self._served:
                self._channel.report("warm-up")
            first = batch[0] if isinstance(batch, (tuple, list)) else batch
            self._served += int(first.numel()) if hasattr(first, "numel") else 1
            self._device = getattr(first, "device", None)
            yield batch

    def evaluation(self, *args: Any, **kwargs: Any) -> Any:
        if cuda := _cuda():
            cuda.synchronize()
        self._describe_generators("the evaluation")
        self._channel.report("evaluate", served=self._served, generators=self._generators)
        value = self._ask_judge(args, kwargs) if "line" in self._job else self._score(args, kwargs)
        cuda = _cuda()
        peak_mb = cuda.max_memory_allocated() / 2**20 if cuda else 0.0
        self._channel.report("measured", value=repr(float(value)), peak_mb=peak_mb)
        return value

    def _ask_judge(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> float:
        """Return the judge's score; this process only returns what the model predicts."""
        return predictor.serve(
            _argument(self._evaluate, "model", args, kwargs, first=True),
            _argument(self._evaluate, "batch_size", args, kwargs),
            self._device,
            self._job,
        )

    def _score(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the score of a newly built harness, which the script cannot have changed."""
        fresh = harness.build(self._job)
        evaluate = getattr(fresh, self._job["evaluate"])
        model = _argument(evaluate, "model", args, kwargs, first=True)
        args, kwargs = _normalise_call(fresh, evaluate, args, kwargs)
        with probes.Probes(fresh, self._job, model) as found:
            value = evaluate(*args, **kwargs)
        for text in found.findings:
            self._channel.report("finding", text=text)
        return value


def _argument(
    function: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], first: bool = False
) -> Any:
    """Return the argument for the parameter ``name`` (or the first one); None if there is none."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):
        bound = kwargs
    if name in bound:
        return bound[name]
    return args[0] if first and args else None


def _normalise_call(
    module: types.ModuleType, evaluate: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments with the harness's own tokenizer, and a batch size that divides the
    number of rows."""
    try:
        bound = inspect.signature(evaluate).bind(*args, **kwargs)
    except TypeError:
        return args, kwargs  # the evaluation raises the error
    load = getattr(getattr(module, "Tokenizer", None), "from_directory", None)
    if load is not None and bound.arguments.get("tokenizer") is not None:
        bound.arguments["tokenizer"] = load()
    size: Any = bound.arguments.get("batch_size")
    if hasattr(size, "__index__"):  # a subclass of int could redefine multiplication
        size = bound.arguments["batch_size"] = int.__add__(operator.index(size), 0)
    tokens, length = getattr(module, "EVAL_TOKENS", 0), getattr(module, "MAX_SEQ_LEN", 0)
    if all(type(number) is int and number > 0 for number in (size, tokens, length)):
        bound.arguments["batch_size"] = _even_batch_size(size, tokens // length)
    return bound.args, bound.kwargs


def _even_batch_size(size: int, rows: int) -> int:
    """Return the largest batch size up to ``size`` that divides the rows; ``size`` itself if that
    is less than half of it."""
    best = next((n for n in range(min(size, rows), 0, -1) if rows % n == 0), size)
    return best if 2 * best >= min(size, rows) else size


def _cuda() -> Any:
    """Return torch.cuda if the script uses it, else None."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None


def describe() -> dict[str, str]:
    """Return the versions of Python and torch, and the device, as text."""
    torch = sys.modules.get("torch")
    facts = {"python": sys.version.split()[0], "torch": "", "device": "", "device_name": ""}
    if torch is not None:
        facts["torch"] = str(torch.__version__)
        facts["device"] = "cuda" if torch.cuda.is_available() else "cpu"
        if facts["device"] == "cuda":
            facts["device_name"] = torch.cuda.get_device_name(0)
    return facts


def run_script(job: Job) -> None:
    """Execute the script's bytes as ``__main__``."""
    main = types.ModuleType("__main__")
    main.__file__ = job["script_path"]
    sys.modules["__main__"] = main
    sys.argv = [job["script_path"]]
    harness.execute(job["script_source"], job["script_path"], main.__dict__)


def run_command(command: list[str], channel: Channel) -> None:
    """Replace this process by the command; the channel to the supervisor is closed."""
    channel.close_on_exec()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # a child would inherit that Python ignores them
    channel.report("start")
    try:
        os.execvp(command[0], command)
    except OSError as error:
        raise OSError(f"'{command[0]}' cannot be started: {error.strerror}") from None


def error_text(error: Exception) -> str:
    """Return the exception's message; "" if its ``__str__`` fails."""
    try:
        return str(error)
    except Exception:
        return ""


def start(fd: int) -> None:
    channel = Channel(fd)
    job = cast("Job", channel.receive())
    fork_supervised(channel)  # the parent stays outside the sandbox
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # if ignored, CPU seconds of children are lost
    # The experiment's folder comes last: no file in it can replace an installed package.
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
            HarnessHooks(harness.build(job, install=True), job, channel)
            channel.report("ready", **describe())
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
        channel.report(
            "exception", stage=stage, type=type(error).__name__, text=error_text(error)[:400],
            place=place, module=name or "",
        )  # fmt: skip
        sys.exit(1)


def _is_ours(filename: str) -> bool:
    return pathlib.Path(filename).parent == pathlib.Path(__file__).parent
