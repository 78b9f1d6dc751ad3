"""The lock of a file: one holder at a time, and none that outlives its process."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from pytest_ouro.core.lock_file import hold_lock

HOLD = """
import pathlib, sys, time
from pytest_ouro.core.lock_file import hold_lock
with hold_lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""
#: A fork, made while the lock is held, lives on until the pipe is closed.
FORK = """
import os, pathlib, sys
from pytest_ouro.core.lock_file import hold_lock
lock = pathlib.Path(sys.argv[1])
reading, writing = os.pipe()
with hold_lock(lock):
    if not os.fork():
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
with hold_lock(lock, timeout=0):
    print("free")
"""


def test_a_second_holder_gives_up_after_its_timeout(tmp_path):
    with (
        hold_lock(tmp_path / "a.lock"),
        pytest.raises(TimeoutError),
        hold_lock(tmp_path / "a.lock", timeout=0),
    ):
        pass
    with hold_lock(tmp_path / "a.lock", timeout=0):
        pass


def test_a_holder_that_is_killed_frees_the_lock(tmp_path):
    lock = tmp_path / "a.lock"
    words = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(TimeoutError), hold_lock(lock, timeout=0):
            pass
        process.send_signal(signal.SIGKILL)
    with hold_lock(lock, timeout=0):
        pass


def test_a_fork_that_outlives_the_block_does_not_keep_the_lock(tmp_path):
    words = [sys.executable, "-c", FORK, str(tmp_path / "a.lock")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("free\n", "")


def test_one_who_waits_for_a_removed_file_waits_for_the_next(tmp_path, monkeypatch):
    lock, sleep = tmp_path / "a.lock", time.sleep
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(hold_lock(lock))

        def replace(seconds):
            monkeypatch.setattr(time, "sleep", sleep)
            lock.unlink()
            second.enter_context(hold_lock(lock))
            first.close()

        monkeypatch.setattr(time, "sleep", replace)
        with pytest.raises(TimeoutError), hold_lock(lock, timeout=0.3):
            pass
        second.close()
        with hold_lock(lock, timeout=0):
            pass


def test_the_lock_excludes_those_who_lock_with_the_package_filelock(tmp_path):
    filelock = pytest.importorskip("filelock")
    lock = tmp_path / "a.lock"
    with hold_lock(lock), pytest.raises(filelock.Timeout):
        filelock.FileLock(lock).acquire(timeout=0)
    with filelock.FileLock(lock), pytest.raises(TimeoutError), hold_lock(lock, timeout=0):
        pass


@pytest.mark.parametrize("other", ["link", "pipe", "folder"])
def test_only_a_regular_file_is_locked(tmp_path, other):
    lock = tmp_path / "a.lock"
    if other == "link":
        lock.symlink_to(tmp_path / "elsewhere")
    elif other == "pipe":
        os.mkfifo(lock)
    else:
        lock.mkdir()
    with pytest.raises(OSError), hold_lock(lock, timeout=0):
        pass
    assert not (tmp_path / "elsewhere").exists()
