"""The child: builds the harness from trusted bytes, then runs the script as ``__main__``.

Standard library only, and nothing of pytest_ouro: it runs in the project's own environment, where
pytest-ouro may not be installed. Called as ``python -B launcher.py FD``; FD is a socket to the
supervisor. What it reports is observed in the script's own process, which is why a record made
by it alone is called *supervised* and no more.
"""

from __future__ import annotations

import ctypes
import json
import os
import pathlib
import select
import signal
import socket
import sys
import threading
import traceback
import types
from typing import Any


class Channel:
    """JSON lines to the supervisor; each one is answered, so that its clock is read in time."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._file = self._socket.makefile("rwb")

    def close_on_exec(self) -> None:
        self._socket.set_inheritable(False)

    def wait_for_hang_up(self) -> None:
        """Return never: the process group ends when the supervisor's end of the channel closes."""
        poll = select.poll()
        poll.register(self._socket, getattr(select, "POLLRDHUP", 0))
        poll.poll()
        os.killpg(os.getpgrp(), signal.SIGKILL)

    def receive(self) -> dict[str, Any]:
        line = self._file.readline()
        if not line:
            os._exit(70)  # the supervisor is gone
        message: dict[str, Any] = json.loads(line)
        return message

    def tell(self, event: str, **facts: object) -> None:
        self._file.write(json.dumps({"event": event, **facts}).encode() + b"\n")
        self._file.flush()
        self.receive()


def die_with(supervisor: int, channel: Channel) -> None:
    """See to it that this process does not outlive the supervisor.

    Linux kills it with its parent. Where that is not the supervisor but what the bound starts
    Python with (``uv run`` stays), or not Linux, a thread waits for the channel to be hung up.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if sys.platform != "linux" or os.getppid() != supervisor:
        threading.Thread(target=channel.wait_for_hang_up, daemon=True).start()


def execute(source: str, path: str, namespace: dict[str, Any]) -> None:
    """Run a file's bytes, which JSON carries as Latin-1, as Python itself would read them."""
    code = compile(source.encode("latin-1"), path, "exec", dont_inherit=True)
    exec(code, namespace)


def build_harness(job: dict[str, Any]) -> types.ModuleType:
    """The harness as a module, compiled from the bytes in the job, never from a file or a .pyc."""
    module = types.ModuleType(job["harness"])
    module.__file__ = job["harness_path"]
    sys.modules[job["harness"]] = module
    execute(job["harness_source"], job["harness_path"], module.__dict__)
    if hasattr(module, "TIME_BUDGET"):
        module.TIME_BUDGET = job["budget"]  # type: ignore[attr-defined]
    return module


def watch(module: types.ModuleType, job: dict[str, Any], channel: Channel) -> None:
    """Report the first training batch after the warm-up allowance, and the evaluation."""
    load = getattr(module, job["loader"], None)
    evaluate = getattr(module, job["evaluate"])
    served = 0
    started = False

    def loader(*args: Any, **kwargs: Any) -> Any:
        return serve(load(*args, **kwargs))  # type: ignore[misc] # what it loads, it loads now

    def serve(batches: Any) -> Any:
        nonlocal served, started
        for batch in batches:
            if not started and served >= job["warmup_tokens"]:
                started = True
                channel.tell("start")
            elif not served:
                channel.tell("warm-up")
            first = batch[0] if isinstance(batch, (tuple, list)) else batch
            served += int(first.numel()) if hasattr(first, "numel") else 1
            yield batch

    def evaluation(*args: Any, **kwargs: Any) -> Any:
        _synchronize()
        channel.tell("evaluate", served=served)
        value = evaluate(*args, **kwargs)
        channel.tell("measured", value=repr(float(value)), peak_mb=_peak_mb())
        return value

    if load is not None:
        setattr(module, job["loader"], loader)
    setattr(module, job["evaluate"], evaluation)


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
    execute(job["script_source"], job["script_path"], main.__dict__)


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
    die_with(job["supervisor"], channel)
    # The experiment's own folder comes last: nothing in it can stand in for an installed package.
    sys.path[:] = [*sys.path[1:], job["root"]]
    stage = "harness"
    try:
        if job["mode"] == "experiment":
            module = build_harness(job)
            watch(module, job, channel)
            channel.tell("ready", **describe())
        stage = "script"
        if job["mode"] == "command":
            run_command(job["command"], channel)
        run_script(job)
    except Exception as error:
        sys.stdout.flush()
        own = error.__traceback__
        while own is not None and own.tb_frame.f_code.co_filename == __file__:
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


if __name__ == "__main__":
    start(int(sys.argv[1]))
