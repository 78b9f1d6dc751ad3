"""Processes that are killed, hang, hide or flood: the run is recorded, and no process is left."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux finds what has left its session"
)
#: Enough for a busy machine to start what is to be killed.
TIMEOUT = ("timeout   = 20", "timeout   = 6")

#: Starts three generations of daemons, each in its own session and ignoring TERM.
BREEDS = """\
import os, pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pids = pathlib.Path.home() / "pids"
pids.mkdir()

def breed(depth):
    (pids / str(os.getpid())).touch()
    if depth == 0 or os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    breed(depth - 1)
    time.sleep(60)
    os._exit(0)

breed(3)
while len(os.listdir(pids)) < 4:
    time.sleep(0.01)
(pathlib.Path.home() / "bred").write_text("true\\n")
"""

#: Starts a worker as a data loader does, and raises its error when the worker has ended.
LOADS = """\
import json, multiprocessing, os, pathlib, time

def work(pipe):
    pipe.send(os.getpid())
    time.sleep(60)

fork = multiprocessing.get_context("fork")
ours, theirs = fork.Pipe()
worker = fork.Process(target=work, args=(theirs,), daemon=True)
worker.start()
theirs.close()
pids = {"worker": ours.recv(), "train.py": os.getpid(), "launcher": os.getppid()}
(pathlib.Path.home() / "pids.json").write_text(json.dumps(pids) + "\\n")
try:
    ours.recv()
except EOFError:
    raise RuntimeError(f"data loader worker {pids['worker']} is gone") from None
"""


@pytest.fixture
def bred(wait_for_json, wait_until_gone):
    """``bred()``: wait for the processes of BREEDS; ``left=True``: return those still running."""

    def bred(*, left=False):
        wait_for_json(Path.home() / "bred")
        pids = [int(entry.name) for entry in (Path.home() / "pids").iterdir()]
        assert len(pids) == 4
        return [pid for pid in pids if not wait_until_gone(pid)] if left else pids

    return bred


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    ("victim", "message"),
    [
        ("train.py", r"train.py was killed by SIGKILL \(often: the system ran out of memory\)"),
        ("launcher", r"train.py was killed by SIGKILL \(often: the system ran out of memory\)"),
        ("worker", r"train.py raised RuntimeError: data loader worker \d+ is gone at train.py:18"),
    ],
)
def test_a_killed_process_leaves_no_other_behind(
    lab, wait_for_json, wait_until_gone, last_line, victim, message
):
    commit = lab.commit(lab.script(before=LOADS))
    process = lab.start()
    pids = wait_for_json(Path.home() / "pids.json")
    os.kill(pids[victim], signal.SIGKILL)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert re.search(rf"^crash: {message}$", out, re.MULTILINE), out
    assert out.rstrip().endswith(f"commit={commit[:7]} reason=crash")
    assert all(wait_until_gone(pid) for pid in pids.values())
    lab.whole("crash")


def test_a_killed_pytest_takes_all_descendants_along(lab, bred):
    commit = lab.commit(lab.script(before=BREEDS + "time.sleep(60)"))
    process = lab.start()
    bred()
    process.kill()
    process.communicate(timeout=30)
    assert bred(left=True) == []
    assert [record["event"] for record in lab.journal.records()] == ["started"]

    said = []
    assert lab.run(lab.script(), say=said.append).status == "keep"
    assert len(said) == 1
    assert re.fullmatch(
        rf"ouro: the run of {commit[:7]} that started \S+ was killed: recorded as a crash", said[0]
    )
    lab.whole("lost", "baseline")


#: Edits that turn the toy experiment into a command.
COMMAND = (
    ('script    = "train.py"\n', ""),
    ('harness   = "prepare.py"\n', 'command = ["python", "train.py"]\n'),
    ('evaluate  = "evaluate_bpb"', 'evaluate-command = ["python", "prepare.py"]'),
    ("budget    = 0.3", "budget    = 60"),
    ("timeout   = 20", "timeout   = 120"),
)


def test_a_killed_pytest_takes_the_descendants_of_a_command_along(lab, bred):
    lab.bound(*COMMAND, train_py=BREEDS + "time.sleep(60)")
    process = lab.start()
    bred()
    process.kill()
    process.communicate(timeout=30)
    assert bred(left=True) == []


def test_a_hang_that_ignores_the_request_is_killed_with_its_daemons(lab, bred):
    lab.bound(TIMEOUT)
    result = lab.run(lab.script(before=BREEDS + "time.sleep(60)"))
    assert (result.status, result.reason) == ("crash", "timeout")
    assert re.match(r"train.py was killed after \d+ s, the timeout", result.message)
    assert bred(left=True) == []
    lab.whole("timeout")


def test_daemons_do_not_outlive_a_run_that_ended_well(lab, bred):
    result = lab.run(lab.script(before=BREEDS))
    assert (result.status, result.message) == ("keep", "")
    assert bred(left=True) == []
    lab.whole("baseline")


def test_a_stopped_run_is_ended_at_its_timeout(lab):
    lab.bound(TIMEOUT)
    result = lab.run(lab.script(before="import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"))
    assert re.match(r"train.py was killed after \d+ s, the timeout", result.message)
    lab.whole("timeout")


#: Finds the channel to the supervisor on purpose, and writes to it without reading.
FLOODS = """\
import os, stat
[fd] = [fd for fd in range(3, 64) if os.path.exists(f"/proc/self/fd/{fd}")
        and stat.S_ISSOCK(os.fstat(fd).st_mode)]
while True:
    os.write(fd, WORDS)
"""


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("words", ["b'{}\\n' * 9000", "b'x' * 65536"], ids=["lines", "a line"])
def test_a_flood_of_the_channel_stops_no_clock_and_fills_no_memory(bench, words):
    before = resident()
    seen = bench.train(FLOODS.replace("WORDS", words), timeout=1.0)
    assert (seen.stopped, seen.value) == ("timeout", None)
    assert resident() - before < 50


def resident():
    """Return the resident megabytes of this process."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


@pytest.mark.tier(2)
def test_the_pids_are_of_the_right_processes(lab, wait_for_json):
    """The other tests kill the processes that they name."""
    lab.commit(lab.script(before=LOADS))
    process = lab.start()
    pids = wait_for_json(Path.home() / "pids.json")
    parents = {name: _parent(pid) for name, pid in pids.items()}
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=30)
    assert parents == {
        "worker": pids["train.py"],
        "train.py": pids["launcher"],
        "launcher": process.pid,
    }
    lab.whole("interrupted")


def _parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
