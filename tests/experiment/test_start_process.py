"""A command is started by the starter, which leaves it nothing of the supervisor's."""

import os
import signal
import sys
import time
from dataclasses import replace

import pytest

from pytest_ouro.experiment.supervision import start_process, supervisor
from pytest_ouro.experiment.supervision.start_process import keep_starter
from pytest_ouro.experiment.supervision.supervisor import supervise

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a launcher starts it")


@pytest.fixture
def command(bench):
    """``command(code)``: the measurement of a command that runs this code."""

    def command(code, *words, timeout=60.0, progress=None):
        job = bench.job(code)
        words = words or (sys.executable, "train.py")
        message = {"mode": "command", "root": str(bench.folder), "command": list(words)}
        return supervise(replace(job, message=message, timeout=timeout), progress)

    command.folder = bench.folder
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
    with keep_starter():
        command("")
        [starter] = start_process._kept
        os.kill(starter._process.pid, signal.SIGSTOP)
        with monkeypatch.context() as patch:
            patch.setattr(start_process, "_PATIENCE", 0.5)
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


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("no-such-program", "'no-such-program' cannot be started: No such file"),
        ("zero\0byte", "embedded null"),
    ],
)
def test_a_command_that_cannot_be_started_says_so(command, launched, word, text):
    with keep_starter():
        seen = command("", word)
        assert seen.exit_code == 1
        assert text in seen.exception["text"]
        assert len(launched) == 1
        assert command("print('next')").tail == ("next",)
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


#: Starts a process that leaves the session, ignores TERM, and writes its id to the file ``stays``.
STAYS = """\
import os, pathlib, signal, time
if not os.fork():
    os.setsid()
    if os.fork():
        os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pathlib.Path("part").write_text(f"{os.getpid()}\\n")
    os.rename("part", "stays")
    time.sleep(120)
while not os.path.exists("stays"):
    time.sleep(0.01)
"""


IGNORES_TERM = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"


@pytest.fixture
def stays(bench, wait_until_gone):
    """``stays()``: whether the process of STAYS still runs after a while."""
    return lambda: not wait_until_gone(int((bench.folder / "stays").read_text()))


def test_a_process_that_stays_is_ended_with_its_starter(command, launched, stays):
    with keep_starter():
        seen = command(f"{STAYS}print('ends')")
        assert (seen.exit_code, seen.tail) == (0, ("ends",))
        assert not stays()
        assert command("print('next')").tail == ("next",)
    assert launched == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGUSR1])
def test_a_command_that_kills_the_starter_is_killed_with_its_processes(command, stays, number):
    code = f"{STAYS}os.kill(os.getppid(), {int(number)})\ntime.sleep(120)"
    with keep_starter():
        seen = command(code)
        assert (seen.exit_code, seen.stopped) == (-9, "")
        assert not stays()
        assert command("print('next')").tail == ("next",)


def test_a_command_that_stops_the_starter_is_ended_at_its_timeout(command, stays):
    code = f"{STAYS}os.kill(os.getppid(), signal.SIGSTOP)"
    with keep_starter():
        seen = command(code, timeout=3.0)
        assert (seen.exit_code, seen.stopped) == (-9, "timeout")
        assert not stays()
        assert command("print('next')").tail == ("next",)


@pytest.mark.parametrize("ends", ["", "time.sleep(120)"], ids=["ended", "runs"])
def test_a_starter_ends_what_is_left_if_the_supervisor_is_killed(bench, stays, ends):
    bench.job(f"{STAYS}{ends}")
    starter = start_process.Starter()
    read, write = os.pipe()
    words = [sys.executable, "train.py"]
    starter.start((words, str(bench.folder), {**os.environ}, [*os.sched_getaffinity(0)]), write)
    os.close(write)
    if ends:
        while not (bench.folder / "stays").exists():
            time.sleep(0.01)
    else:
        assert starter.receive(60.0).endswith(b" 1")
    starter._requests.close()  # as if this process were killed
    assert starter._process.wait() == -signal.SIGKILL
    assert not stays()
    os.close(read)


def test_a_command_cannot_ask_the_starter_to_end(command):
    code = "import os, signal\nfor number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):\n"
    code += "    os.kill(os.getppid(), number)\nprint('lives')"
    with keep_starter():
        command("")
        [starter] = start_process._kept
        assert command(code).tail == ("lives",)
        assert start_process._kept == [starter]


@pytest.mark.parametrize("leads", ["setsid", "setpgrp"])
def test_a_command_can_lead_a_session_or_group_of_its_own(command, leads):
    """Programs do that to end all that they start; it is an error for one that leads already."""
    with keep_starter():
        seen = command(f"import os\nos.{leads}()\nprint(os.getpgrp() == os.getpid())")
        assert (seen.exit_code, seen.tail) == (0, ("True",))
        seen = command(f"import os, time\nos.{leads}()\ntime.sleep(120)", timeout=1.0)
        assert (seen.stopped, seen.exit_code) == ("timeout", -9)  # TERM is for our group


def test_a_command_that_kills_its_group_is_killed(command, stays):
    with keep_starter():
        seen = command(f"{STAYS}os.killpg(0, signal.SIGKILL)\ntime.sleep(120)")
        assert (seen.exit_code, seen.stopped) == (-9, "")
        assert not stays()
        assert command("print('next')").tail == ("next",)


def test_a_command_that_does_not_die_with_the_starter_is_ended(command, wait_until_gone):
    code = "import ctypes, os, pathlib, signal, time\nctypes.CDLL(None).prctl(1, 0)\n"
    code += "pathlib.Path('stays').write_text(str(os.getpid()))\n"
    code += "os.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(120)"
    with keep_starter():
        assert command(code).exit_code == -9
        assert wait_until_gone(int((command.folder / "stays").read_text()))


@pytest.mark.parametrize(("before", "code"), [("", -15), (IGNORES_TERM, -9)])
def test_an_interrupt_ends_a_command_with_its_processes(command, launched, stays, before, code):
    def interrupt(position):
        if (command.folder / "stays").exists():
            os.kill(os.getpid(), signal.SIGINT)

    with keep_starter():
        seen = command(f"{STAYS}{before}time.sleep(120)", progress=interrupt)
        assert (seen.stopped, seen.exit_code) == ("interrupted", code)
        assert not stays()
        assert command("print('next')").tail == ("next",)
    assert launched == []


def test_a_command_that_stops_to_be_traced_has_not_ended(command):
    code = "import ctypes, os, signal\nctypes.CDLL(None).ptrace(0, 0, 0, 0)\n"
    code += "os.kill(os.getpid(), signal.SIGSTOP)\nprint('not reached')"
    with keep_starter():
        seen = command(code, timeout=2.0)
    assert (seen.stopped, seen.tail) == ("timeout", ())


#: An orphan uses 0.4 CPU seconds and 100 MB, and has ended before the command ends.
ORPHAN = """\
import os, time
read, write = os.pipe()
if not os.fork():
    if os.fork():
        os._exit(0)
    used = b"x" * (100 << 20)
    while time.process_time() < 0.4:
        pass
    os._exit(0)
os.close(write)
os.read(read, 1)
time.sleep(0.2)
"""


def test_what_an_orphan_used_counts_for_its_own_command_alone(command):
    with keep_starter():
        first, second = command(ORPHAN), command("")
        [starter] = start_process._kept
        assert starter.is_alive()
    assert first.cpu_seconds > 0.4
    assert first.peak_mb > 100
    assert second.cpu_seconds < 0.4
    assert 0 < second.peak_mb < 100


def test_what_was_used_until_the_timeout_counts(command):
    with keep_starter():
        command(ORPHAN)
        seen = command("while True:\n    pass", timeout=1.0)
    assert seen.stopped == "timeout"
    assert 0 < seen.cpu_seconds < 5.0  # how much a busy machine gives it is not known


#: Starts children for a while, which use CPU seconds; or, with ``orphan``, grandchildren. Ends some
#: time after all of them have ended, so that their parent is listed without them more than once.
BREEDS = """\
import os, signal, time
{before}
read, write = os.pipe()
until = time.monotonic() + 1.5
while time.monotonic() < until:
    if not os.fork():
        if {orphan} and os.fork():
            os._exit(0)
        while time.process_time() < 0.15:
            pass
        os._exit(0)
    time.sleep(0.05)
os.close(write)
os.read(read, 1)
time.sleep(2)
"""


@pytest.mark.parametrize(
    ("before", "orphan", "known"),
    [
        ("", True, True),
        ("signal.signal(signal.SIGCHLD, signal.SIG_IGN)", False, False),
    ],
)
def test_on_the_cpu_clock_children_that_nobody_waits_for_are_found(bench, before, orphan, known):
    """The starter waits for orphans; a command that ignores SIGCHLD hides what its children use."""
    job = bench.job(BREEDS.format(before=before, orphan=orphan))
    words = [sys.executable, "train.py"]
    message = {"mode": "command", "root": str(bench.folder), "command": words}
    job = replace(job, message=message, timeout=60.0, clock="cpu", budget=60.0)
    with keep_starter():
        supervise(job)
        seen = supervise(job)
    assert (seen.findings == ()) == known
