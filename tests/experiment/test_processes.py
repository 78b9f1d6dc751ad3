"""The processes of a run: their usage, and their end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_ouro.child.kernel import system
from pytest_ouro.experiment.supervision import processes
from pytest_ouro.experiment.supervision.judge_process import start_judge
from pytest_ouro.experiment.supervision.vanished import ListedProcess, Used


@pytest.fixture
def start():
    """``start(code)``: start a child in its own session, and wait until it is ready."""
    started = []

    def run(code):
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True
        )
        started.append(process)
        process.stdout.readline()
        return process

    yield run
    for process in started:
        processes.signal_group(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


SLEEPS = "import time; print('ready', flush=True); time.sleep(60)"
#: Starts a child in its own group, and waits or ends.
FAMILY = """\
import subprocess, sys, time
sleeps = "import time; time.sleep(60)"
subprocess.Popen([sys.executable, "-c", sleeps], stdout=subprocess.DEVNULL)
print("ready", flush=True)
"""


def children(group):
    """Return the processes of a group without its leader."""
    done = subprocess.run(
        ["ps", "-A", "-o", "pid=,pgid="], capture_output=True, text=True, check=True
    )
    pairs = [line.split() for line in done.stdout.splitlines()]
    return [int(pid) for pid, pgid in pairs if int(pgid) == group != int(pid)]


def test_usage_counts_cpu_and_memory(start):
    burns = "import time\nprint('ready', flush=True)\nx = b'x' * 50_000_000\nwhile True: pass"
    process = start(burns)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        used = processes.Family(process.pid).usage()
        if used.cpu_seconds > 0.2 and used.resident_mb > 50:
            return
        time.sleep(0.05)
    pytest.fail(f"{used}")


def test_usage_counts_children_that_have_ended(start):
    process = start(
        "import subprocess, sys, time\n"
        "burn = 'import time\\nwhile time.process_time() < 0.3: pass'\n"
        "subprocess.run([sys.executable, '-c', burn])\n"
        "print('ready', flush=True)\ntime.sleep(60)\n"
    )
    assert processes.Family(process.pid).usage().cpu_seconds >= 0.25


#: Starts one child after the other, each of which uses some CPU time; ``how`` sets SIGCHLD.
SHORT_LIVED = """\
import os, signal, time
{how}
print("ready", flush=True)
while True:
    child = os.fork()
    if not child:
        {between}
        while time.process_time() < {seconds}: pass
        os._exit(0)
    while os.path.exists(f"/proc/{{child}}"):
        time.sleep(0.01)
        {wait}
"""


IGNORED = "signal.signal(signal.SIGCHLD, signal.SIG_IGN)"
WAITED = "os.waitpid(child, os.WNOHANG)"


@pytest.mark.tier(2, but=3)
@pytest.mark.skipif(sys.platform != "linux", reason="Linux says what a parent has waited for")
@pytest.mark.parametrize(
    ("how", "wait", "between", "seconds", "unaccounted"),
    [
        (IGNORED, "", "", 0.4, True),
        (IGNORED, "", "", 0.01, True),
        ("", WAITED, f"{IGNORED}; os.fork() and os._exit(len(os.wait()))", 0.1, True),
        ("", WAITED, "", 0.4, False),
        ("", WAITED, "", 0.01, False),
        ("", WAITED, "os.fork() and os.wait()", 0.1, False),
        ("", WAITED, "os.fork() and os._exit(0)", 0.1, False),
    ],
)
def test_children_that_no_process_waits_for_are_reported(
    start, how, wait, between, seconds, unaccounted
):
    keys = {"how": how, "wait": wait, "between": between, "seconds": seconds}
    family = processes.Family(start(SHORT_LIVED.format(**keys)).pid)
    deadline = time.monotonic() + (20 if unaccounted else 4)
    while not family.unaccounted and time.monotonic() < deadline:
        family.usage()
        time.sleep(0.15)
    assert family.unaccounted == unaccounted


def seen(pid, parent, seconds, waited=0.0):
    """Return a process of session 1 as it is listed."""
    used = Used(seconds + waited, 0)
    return ListedProcess(pid, parent, 1, 1, False, used.seconds, 0.0, used, Used(waited, 0), "then")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux says what a parent has waited for")
@pytest.mark.parametrize("late", [True, False])
def test_a_child_reaped_during_a_scan_is_accounted_for(monkeypatch, late):
    """The parent is listed before it waits; its child has ended before it would be listed."""
    before = [seen(1, 0, 0.1), seen(2, 1, 0.1), seen(3, 2, 0.1), seen(4, 3, 0.5)]
    waited = [*before[:2], seen(3, 2, 0.1, waited=0.5)]
    torn = before[:2]
    after = [seen(1, 0, 0.1), seen(2, 1, 0.1, waited=0.6)]
    lists = iter([before, waited, torn, after if late else torn])
    monkeypatch.setattr(processes, "_list", lambda: next(lists))
    family = processes.Family(1)
    for _ in range(3):
        family.usage()
    assert family.unaccounted != late


#: Waits for a child that has used CPU time, and ends, as a run does.
ENDS = """\
import os, sys, time
child = os.fork()
if not child:
    {orphan}
    while time.process_time() < 0.5: pass
    print("ready", flush=True)
    time.sleep(0.5)
    os._exit(1)
os.wait()
"""


#: A child that is not waited for starts another, which outlives it; the subreaper waits for that.
OUTLIVES = """\
import ctypes, os, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
if os.fork():
    while True:
        os.wait()
if not os.fork():
    end, begin = os.pipe()
    if os.fork():
        os.read(end, 1)
    else:
        while time.process_time() < 0.4: pass
        print("ready", flush=True)
        time.sleep(1)
        os.write(begin, b".")
        time.sleep(0.02)
    os._exit(0)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux says what a parent has waited for")
def test_an_orphan_of_an_unreaped_parent_is_accounted_for(start):
    family = processes.Family(start(OUTLIVES).pid)
    family.usage()
    time.sleep(2)
    assert family.usage().cpu_seconds >= 0.35
    family.usage()
    assert not family.unaccounted


@pytest.mark.tier(2, but=1)
@pytest.mark.skipif(sys.platform != "linux", reason="Linux says what a parent has waited for")
@pytest.mark.parametrize("orphan", ["", "os.fork() or time.sleep(60)"])
def test_a_leader_that_waits_for_all_children_is_accounted_for(start, orphan):
    process = start(ENDS.format(orphan=orphan))
    family = processes.Family(process.pid)
    assert family.usage().cpu_seconds >= 0.4
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    family.usage()
    assert process.wait() == 0
    family.usage()
    assert not family.unaccounted


def test_usage_without_a_process_is_zero():
    family = processes.Family(2**22 + 1)
    assert family.usage() == processes.Usage(0.0, 0.0)


@pytest.mark.skipif(sys.platform != "linux", reason="compares the portable way with Linux's")
def test_ps_tells_the_same_memory(start):
    process = start(SLEEPS)
    [portable] = [p for p in processes._ps() if p.pid == process.pid]
    [linux] = [p for p in processes._proc() if p.pid == process.pid]
    assert portable.resident_mb == pytest.approx(linux.resident_mb, rel=0.3)
    assert (portable.parent, portable.group) == (linux.parent, linux.group)


def test_end_ends_the_whole_group(start, wait_until_gone):
    process = start(FAMILY + "time.sleep(60)")
    (child,) = children(process.pid)
    processes.Family(process.pid).end(process, grace=5.0)
    assert process.returncode == -signal.SIGTERM
    assert wait_until_gone(child)


def test_end_kills_a_process_that_ignores_term(start):
    process = start(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('ready', flush=True)\ntime.sleep(60)\n"
    )
    processes.Family(process.pid).end(process, grace=0.2)
    assert process.returncode == -signal.SIGKILL


def test_the_end_of_a_judge_leaves_other_children_alone(start, bench):
    """Pytest or a plugin may have started a process in a session of its own."""
    other = start(SLEEPS)
    with start_judge(bench.job("", judge={})):
        pass
    assert other.poll() is None


#: Leaves a child without a parent in a session of its own, prints its id, and waits.
LEAVES = """\
import os, time
if not os.fork():
    os.setsid()
    if not os.fork():
        print(os.getpid(), flush=True)
        time.sleep(60)
    os._exit(0)
os.wait()
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
def test_an_orphan_belongs_to_the_run_unless_it_is_older_or_a_stranger(start):
    system.adopt_orphans()
    older = start(SLEEPS)
    time.sleep(0.05)  # start times are in ticks of 10 ms
    process = start(LEAVES)
    stranger, orphan = start(SLEEPS), start(SLEEPS)
    family = processes.Family(process.pid, strangers=frozenset({stranger.pid}))
    ours = {member.pid for member in family._members() if family._is_orphan(member)}
    assert len(ours - {orphan.pid}) == 1
    family.end(process, grace=0.0)
    assert (older.poll(), stranger.poll()) == (None, None)
    assert not any(map(processes.alive, ours))


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere all children are strangers")
def test_children_are_those_of_this_process(start, monkeypatch, missing):
    if missing:
        monkeypatch.setattr(processes, "Path", lambda name: Path("/missing"))
    own, other = start(SLEEPS), start(FAMILY + "time.sleep(60)")
    [grandchild] = children(other.pid)

    found = processes.children()

    assert {own.pid, other.pid} <= found
    assert grandchild not in found


def test_end_lets_a_program_clean_up(start):
    process = start(
        "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "print('ready', flush=True)\ntime.sleep(60)\n"
    )
    processes.Family(process.pid).end(process, grace=10.0)
    assert process.returncode == 7


def test_end_ends_children_of_a_leader_that_is_gone(start, wait_until_gone):
    process = start(FAMILY)
    process.wait()
    (child,) = children(process.pid)
    processes.Family(process.pid).end(process)
    assert wait_until_gone(child)


def test_ending_an_ended_process_is_not_an_error(start):
    process = start("print('ready', flush=True)")
    process.wait()
    processes.Family(process.pid).end(process)
    assert process.returncode == 0


def test_alive(start):
    assert processes.alive(os.getpid())
    process = start("print('ready', flush=True)")
    process.wait()
    assert not processes.alive(process.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no orphan is adopted")
@pytest.mark.parametrize("stays", [True, False])
def test_all_processes_are_listed_at_the_end_only_if_one_is_left(start, monkeypatch, stays):
    """The child of the leader has a session of its own, and outlives it."""
    assert system.adopt_orphans()
    strangers, scans, scan = processes.children(), [], processes._list
    monkeypatch.setattr(processes, "_list", lambda: (scans.append(1), scan())[1])
    monkeypatch.setattr(processes.Path, "iterdir", one_thread(processes.Path.iterdir))
    sleeps = "os.setsid()\n    time.sleep(60)" if stays else "os._exit(0)"
    code = f"import os, time\nchild = os.fork()\nif not child:\n    {sleeps}\n"
    process = start(f"{code}{'' if stays else 'os.wait()'}\nprint(child, flush=True)")
    family = processes.Family(process.pid, strangers, adopts=True)
    process.wait()
    assert bool(processes.children() - strangers) == stays
    family.end(process)
    assert bool(scans) == stays
    assert not processes.children() - strangers


def one_thread(iterdir):
    """Return ``Path.iterdir`` for a process without other threads, as a worker of xdist is not."""
    return lambda path: [*iterdir(path)][: 1 if path.name == "task" else None]
