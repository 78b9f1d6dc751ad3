"""A command is started by a fork of the supervisor, which leaves it nothing of the supervisor's."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_ouro.experiment.supervision import supervisor
from pytest_ouro.experiment.supervision.supervisor import supervise

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a launcher starts it")


@pytest.fixture
def command(bench):
    """``command(code)``: the measurement of a command that runs this code."""

    def command(code, *words):
        job = bench.job(code)
        words = words or (sys.executable, "train.py")
        message = {"mode": "command", "root": str(bench.folder), "command": list(words)}
        return supervise(replace(job, message=message))

    return command


@pytest.fixture
def launched(monkeypatch):
    """The list of jobs that a launcher was started for."""
    jobs, start = [], supervisor.start_launcher
    monkeypatch.setattr(
        supervisor, "start_launcher", lambda job, *rest: (jobs.append(job), start(job, *rest))[1]
    )
    return jobs


def test_no_interpreter_of_ours_is_started_for_a_command(command, launched, request):
    if len([*Path("/proc/self/task").iterdir()]) > 1:  # a worker of xdist has threads
        again = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider"]
        test = f"{request.path}::{request.node.name}"
        done = subprocess.run([*again, test], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        assert "1 passed" in done.stdout
        return
    seen = command("import os, sys\nprint(os.getsid(0) == os.getppid())\nsys.exit(3)")
    assert (seen.exit_code, seen.tail, launched) == (3, ("True",), [])
    assert seen.window_seconds > 0


def test_a_process_with_threads_is_not_forked(command, launched):
    ends = threading.Event()
    thread = threading.Thread(target=ends.wait)
    thread.start()
    try:
        assert command("print('here')").tail == ("here",)
    finally:
        ends.set()
        thread.join()
    assert len(launched) == 1


def test_a_command_that_cannot_be_started_says_so(command, launched):
    seen = command("", "no-such-program")
    assert seen.exit_code == 1
    assert seen.exception["text"].startswith("'no-such-program' cannot be started: No such file")
    assert len(launched) == 1


SHOWS = """\
import os
def files(pid):
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except PermissionError:  # of a process that may not be read
        return []
    return [os.readlink(f"/proc/{pid}/fd/{name}") for name in names
            if os.path.lexists(f"/proc/{pid}/fd/{name}")]
print(len(files("self")), *[name for pid in ("self", os.getppid()) for name in files(pid)])
"""


def test_neither_the_command_nor_what_waits_for_it_has_our_files(command, tmp_path):
    with (tmp_path / "secret").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        [said] = command(SHOWS).tail
    assert said.startswith("3 ")  # its standard streams
    assert "secret" not in said


def test_our_memory_is_not_the_command_s(command):
    ours = b"x" * (300 << 20)
    seen = command("import time\ntime.sleep(0.5)")
    assert ours
    assert 0 < seen.peak_mb < 200


def test_a_command_has_the_default_signals(command):
    default = "signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL"
    seen = command(f"import os, signal\nprint({default})\nos.kill(os.getpid(), signal.SIGTERM)")
    assert (seen.exit_code, seen.tail) == (-15, ("True",))
