"""A worker on a machine with a full disk or another clock, as far as one machine can show it."""

import datetime
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pytest_ouro import __version__
from pytest_ouro.core.errors import OuroError
from pytest_ouro.experiment.engines import events, local
from pytest_ouro.experiment.engines.on_ray import node
from pytest_ouro.experiment.engines.on_ray.wire import Setup

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="this system confines no process to cores"
)
APART = ("unshare", "-r", "-m")
#: Carries out the request in the file that is named first, without asking for free space before.
WORKER = """
    import sys
    from pytest_ouro.experiment.engines import events
    from pytest_ouro.experiment.engines.worker import Worker
    from pytest_ouro.experiment.engines.workplace import hold_workplace
    from pytest_ouro.experiment.steps import preconditions
    preconditions.ROOM = 0
    with hold_workplace() as folder, open(sys.argv[1], "rb") as request:
        Worker(None, sys.stdout.buffer)._carry_out(events.read(request.read()), folder)
"""
#: Tells what a node tells.
NODE = """
    import sys
    from pytest_ouro.experiment.engines.on_ray.node import look
    with open(sys.argv[1], "rb") as setup:
        sys.stdout.buffer.write(look(setup.read()))
"""


@pytest.fixture
def on_small_disk(tmp_path):
    """``on_small_disk(code, line)``: what Python code writes whose cache lies on a disk of 2 MB;
    its argument is the name of a file with this line."""

    def on_small_disk(code, line):
        if subprocess.run([*APART, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
            pytest.skip("no file system can be mounted here")
        (tmp_path / "line").write_bytes(line)
        cache = Path(os.environ["XDG_CACHE_HOME"])
        cache.mkdir(exist_ok=True)
        mount = f"mount -t tmpfs -o size=2m none '{cache}' && exec \"$@\""
        words = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "line")]
        done = subprocess.run([*APART, "sh", "-c", mount, "sh", *words], capture_output=True)
        if done.returncode and b"mount" in done.stderr:
            pytest.skip("no file system can be mounted here")
        assert done.returncode == 0, done.stderr
        return done.stdout, cache

    return on_small_disk


@pytest.mark.tier(2)
def test_a_disk_that_becomes_full_is_one_line(field, request_for, on_small_disk):
    """A candidate with a large file is sent to it: not the bundle is at fault."""
    (field.path / "large.bin").write_bytes(os.urandom(3 << 20))
    commit = field.project.commit("large")
    field.project.git("reset", "-q", "--hard", "HEAD~1")

    said, cache = on_small_disk(WORKER, request_for(commit).line())

    [refused] = map(events.read, said.splitlines())
    size, _, rest = refused.text.removeprefix("the worker cannot store a bundle of ").partition(" ")
    assert int(size) > 3000
    assert rest.startswith(f"kB in {cache}/")
    assert rest.endswith(": No space left on device")
    assert refused.help.startswith("see whether its disk is full: df -h ")


@pytest.mark.tier(2)
def test_a_node_with_a_full_disk_is_one_line(on_small_disk):
    setup = Setup(address="local", version=__version__, device="cpu")

    answer, cache = on_small_disk(NODE, setup.line())

    found = node.refuse("gpu-3", node.read_facts(answer), setup)
    assert found.message.startswith(f"node gpu-3 is not used: the disk of {cache}")
    assert found.message.endswith(" is full: 2 MB are free, and a run needs 16")


def test_a_worker_whose_folder_for_temporary_files_is_full_is_one_line(monkeypatch):
    def full():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(local.tempfile, "TemporaryFile", full)

    with pytest.raises(OuroError) as caught:
        local.WorkerProcess({})

    assert caught.value.message == "a worker cannot be started: No space left on device"


#: A worker whose clock is two days ahead.
AHEAD = """
    import time
    from pytest_ouro.experiment.engines import worker
    from pytest_ouro.experiment.records import record
    now, of_the_day = time.time, record.now
    time.time = lambda: now() + 172800
    record.now = lambda: "2099-01-01T00:00:00+00:00"
    worker.main()
"""


@pytest.mark.tier(2)
def test_a_worker_with_another_clock_changes_no_time_and_no_duration(field, monkeypatch):
    """All times of a record are of this machine, and durations are those of one clock."""

    class Ahead(local.WorkerProcess):
        def __init__(self, environment, words=()):
            super().__init__(environment, (sys.executable, "-c", textwrap.dedent(AHEAD)))

    monkeypatch.setattr(local, "WorkerProcess", Ahead)
    before = datetime.datetime.now(datetime.timezone.utc)
    commit = field.idea(4.0)

    outcome = field.measure(commit)

    after = datetime.datetime.now(datetime.timezone.utc)
    assert field.verdicts(outcome) == ["improved"]
    second = datetime.timedelta(seconds=1)
    for run in field.runs():
        assert before - second <= datetime.datetime.fromisoformat(run.time) <= after
        assert 0 <= run.wall_seconds <= (after - before).total_seconds()
    assert field.journal.fault() is None
