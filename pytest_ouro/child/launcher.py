"""The launcher: build the harness from trusted bytes and execute the script as ``__main__``, or
become the command.

It observes from within the script's own process, so that a measurement without a judge is
*supervised* and no more. With a judge it only returns predictions, and the judge computes the
score. The sandbox is entered before any code of the experiment runs.
"""

from __future__ import annotations

import importlib
import os
import pathlib
import sys
import traceback
import types
from typing import TYPE_CHECKING, cast

from . import evaluation, harness
from .channel import Channel
from .kernel.subreaper import fork_supervised, restore_signals

if TYPE_CHECKING:
    from .job import Job


def describe() -> dict[str, str]:
    """Return what the launcher reports of this process, as a dict: the versions ``python`` and
    ``torch``, the ``device`` ("cpu" or "cuda"), and the ``device_name`` of a card, "" without one.
    All except ``python`` are "" if torch is not loaded."""
    torch = sys.modules.get("torch")
    facts = {"python": sys.version.split()[0], "torch": "", "device": "", "device_name": ""}
    if torch is not None:
        facts["torch"] = str(torch.__version__)
        facts["device"] = "cuda" if torch.cuda.is_available() else "cpu"
        if facts["device"] == "cuda":
            facts["device_name"] = torch.cuda.get_device_name(0)
    return facts


def run_script(job: Job) -> None:
    """Execute the script's bytes as ``__main__``, with its path as the only word of ``sys.argv``;
    raise what it raises."""
    main = types.ModuleType("__main__")
    main.__file__ = job["script_path"]
    sys.modules["__main__"] = main
    sys.argv = [job["script_path"]]
    harness.execute(job["script_source"], job["script_path"], main.__dict__)


def run_command(job: Job, channel: Channel) -> None:
    """Report the start, then replace this process by the command; return never. Raise OSError if
    the command cannot be started.

    An observed evaluation is started under ``evaluation.observe`` and inherits the channel to the
    supervisor, over which it reports; other commands do not inherit it. For every evaluation
    ``OURO_OUTPUT`` is set to what identifies its standard output (`evaluation.output`).
    """
    command = job["command"]
    if observed := job.get("observed"):
        role = ("evaluation.observe", str(channel.fileno()))
        command = [*command, str(pathlib.Path(__file__).parent), *role, *observed]
    else:
        channel.close_on_exec()
    if job.get("evaluation"):
        os.environ["OURO_OUTPUT"] = evaluation.output(1)
    restore_signals()
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


def opened_hidden(error: BaseException | None, job: Job) -> str:
    """Return the path of a file or folder that the sandbox hides, if an OSError of the script names
    it, as one does that failed to open it; "" if none does.

    The errors are ``error`` itself, its cause or context, or that one's, and so on, ten exceptions
    at most. The first that names a hidden path counts. A path below a hidden folder does not count.
    """
    hidden = {os.path.realpath(name) for name in job.get("sandbox", {}).get("hidden", ())}
    for _ in range(10):  # a script can make a ring of exceptions
        name = vars(OSError)["filename"].__get__(error) if isinstance(error, OSError) else None
        if isinstance(name, (str, bytes, os.PathLike)):
            path = os.fsdecode(name)
            if os.path.realpath(path) in hidden:
                return path
        error = error and (error.__cause__ or error.__context__)
    return ""


def find_denied(error: Exception, frames: list[traceback.FrameSummary], job: Job) -> str:
    """Return which kind of action the sandbox may have refused, by the exception and its
    traceback's ``frames``: "git", "lock" (of multiprocessing), "network", "read" or "write"; "" if
    they show none of them."""
    words = vars(error).get("cmd") if type(error).__name__ == "CalledProcessError" else None
    if isinstance(words, (list, tuple)) and words[:1] in (["git"], ("git",)):
        return "git"
    modules = [pathlib.PurePath(frame.filename).parts[-2:] for frame in frames]
    if ("multiprocessing", "synchronize.py") in modules:
        return "lock"
    name = vars(OSError)["filename"].__get__(error) if isinstance(error, OSError) else None
    if isinstance(error, PermissionError) and isinstance(name, (str, bytes, os.PathLike)):
        path = os.path.realpath(os.fsdecode(name).replace("\0", ""))
        inside = pathlib.Path(path).is_relative_to(os.path.realpath(job["root"]))
        return "read" if os.path.lexists(path) and not inside else "write"
    text = error_text(error)
    if "Operation not permitted" in text:  # the answer of the filter of system calls
        return "network"
    return "write" if isinstance(error, PermissionError) or "Permission denied" in text else ""


def find_place(frames: list[traceback.FrameSummary], job: Job) -> str:
    """Return, for messages, where in the experiment's own code an exception arose, as "FILE:LINE"
    of the last frame in the experiment's folder. If that is not the last frame of all, ", in
    FILE:LINE" of the latter is added. "" without frames.

    A frame of the harness counts only if no other file of the experiment has a frame. If no frame
    is of the experiment, the last frame of all is returned alone. Frames of the launcher never
    count.
    """
    frames = [frame for frame in frames if not _is_ours(frame.filename)]
    if not frames:
        return ""
    root = pathlib.Path(job["root"])
    own = [frame for frame in frames if pathlib.Path(frame.filename).is_relative_to(root)]
    own = [frame for frame in own if frame.filename != job.get("harness_path")] or own or frames
    place, arose = _place(own[-1]), _place(frames[-1])
    return place if place == arose else f"{place}, in {arose}"


def _place(frame: traceback.FrameSummary) -> str:
    """Return "FILE:LINE" of a frame, with the file's name alone."""
    return f"{pathlib.Path(frame.filename).name}:{frame.lineno}"


def start(fd: int) -> None:
    """Serve as the launcher: receive the job over ``fd``, fork, and execute the job in the child:
    as far as the job asks for it, add the salt to the seeds, enter the sandbox, replace the clocks
    and build the harness, then run the script or command.

    If one of these raises an exception, the child prints it, reports it with its stage
    (``sandbox``, ``harness`` or ``script``) and its place, and exits with 1.
    """
    channel = Channel(fd)
    job = cast("Job", channel.receive())
    fork_supervised(channel.fileno())  # the parent stays outside the sandbox
    # The experiment's folder comes last: no file in it can replace an installed package.
    sys.path.append(job["root"])
    stage = "sandbox"
    try:
        if job.get("salt"):
            reseed = importlib.import_module(".chance.reseed", __package__)
            reseed.install(job["salt"], harness=job.get("harness", ""))
        if "sandbox" in job:
            sandbox = importlib.import_module(".kernel.sandbox", __package__)
            sandbox.enter(job["sandbox"], network=job.get("network", False))
        stage = "harness"
        if job["mode"] == "experiment":
            hooks = importlib.import_module(".hooks", __package__)  # a command needs none of them
            clocks = importlib.import_module(".clocks", __package__)
            clock = clocks.StepClock(job["budget"], steps) if (steps := job.get("steps")) else None
            if clock is not None:
                clock.install()
            hooks.HarnessHooks(harness.build(job, install=True), job, channel, clock)
            channel.report("ready", **describe())
        stage = "script"
        if job["mode"] == "command":
            run_command(job, channel)
        run_script(job)
    except Exception as error:
        sys.stdout.flush()
        own = error.__traceback__
        while own is not None and _is_ours(own.tb_frame.f_code.co_filename):
            own = own.tb_next
        traceback.print_exception(type(error), error, own)
        sys.stderr.flush()
        frames = traceback.extract_tb(own)
        place = find_place(frames, job)
        name = getattr(error, "name", "") if isinstance(error, ImportError) else ""
        channel.report(
            "exception", stage=stage, type=type(error).__name__, text=error_text(error)[:400],
            place=place, module=name or "", hidden=opened_hidden(error, job),
            denied=find_denied(error, frames, job),
        )  # fmt: skip
        sys.exit(1)


def _is_ours(filename: str) -> bool:
    """Return whether a file lies directly in the folder of this module, and so is code of the
    launcher."""
    return pathlib.Path(filename).parent == pathlib.Path(__file__).parent
