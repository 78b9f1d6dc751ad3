"""A command is started by the starter, which leaves it nothing of the supervisor's."""

import os
import signal
import sys
from dataclasses import replace

import pytest

from pytest_ouro.experiment.supervision import start_process, supervisor
from pytest_ouro.experiment.supervision.start_process import keep_starter
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


def test_no_interpreter_of_ours_is_started_for_a_command(command, launched):
    with keep_starter():
        seen = command("import os, sys\nprint(os.getsid(0) == os.getppid())\nsys.exit(3)")
    assert (seen.exit_code, seen.tail, launched) == (3, ("True",), [])
    assert seen.window_seconds > 0


def test_one_starter_starts_all_commands_and_ends_with_their_context(command, launched):
    with keep_starter():
        assert command("print('first')").tail == ("first",)
        [starter] = start_process._kept
        assert command("print('second')").tail == ("second",)
        assert start_process._kept == [starter]
        assert starter.is_alive()
    assert not starter.is_alive()
    assert launched == []
    assert command("print('outside')").tail == ("outside",)
    assert len(launched) == 1


def test_another_starter_follows_one_that_was_killed(command, launched):
    with keep_starter():
        command("")
        [first] = start_process._kept
        first._process.kill()
        first._process.wait()
        assert command("print('here')").tail == ("here",)
        [second] = start_process._kept
        assert second is not first
    assert launched == []


def test_a_starter_that_does_not_answer_ends_the_run(command, monkeypatch):
    monkeypatch.setattr(start_process, "_PATIENCE", 0.5)
    with keep_starter():
        command("")
        [starter] = start_process._kept
        os.kill(starter._process.pid, signal.SIGSTOP)
        with pytest.raises(OSError, match="the starter does not answer"):
            command("print('here')")
        assert command("print('here')").tail == ("here",)


def test_a_command_runs_in_its_folder_with_its_variables_on_our_cores(command):
    code = (
        "import os\nprint(os.getcwd(), os.environ.get('SECRET'), sorted(os.sched_getaffinity(0)))"
    )
    cores = os.sched_getaffinity(0)
    try:
        with keep_starter():
            [before] = command(code).tail
            os.sched_setaffinity(0, {min(cores)})
            [after] = command(code).tail
    finally:
        os.sched_setaffinity(0, cores)
    assert before.endswith(f"None {sorted(cores)}")
    assert after.endswith(f"None [{min(cores)}]")


def test_a_command_that_cannot_be_started_says_so(command, launched):
    with keep_starter():
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
        with keep_starter():
            [said] = command(SHOWS).tail
    assert said.startswith("3 ")  # its standard streams
    assert "secret" not in said


def test_our_memory_is_not_the_command_s(command):
    ours = b"x" * (300 << 20)
    with keep_starter():
        seen = command("import time\ntime.sleep(0.5)")
    assert ours
    assert 0 < seen.peak_mb < 200


def test_a_command_has_the_default_signals(command):
    code = "import os, signal\nprint(signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL)\n"
    code += "print([line for line in open('/proc/self/status') if 'SigIgn' in line][0].strip())\n"
    with keep_starter():
        seen = command(f"{code}os.kill(os.getpid(), signal.SIGTERM)")
        shell = command("", "grep", "SigIgn", "/proc/self/status")
    assert (seen.exit_code, seen.tail[0]) == (-15, "True")
    assert ignored(seen.tail[1]) == 0x1001000  # SIGPIPE and SIGXFSZ, by that interpreter itself
    assert ignored(shell.tail[0]) == 0


def ignored(line):
    """Return the signals that a line of /proc/PID/status says are ignored, without SIGHUP, SIGINT
    and SIGQUIT, which these tests ignore too if nohup or a shell's ``&`` started them."""
    return int(line.split()[1], 16) & ~0b111
