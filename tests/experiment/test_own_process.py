"""The supervisor keeps its memory to itself during a run, and no longer."""

import contextlib
import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_ouro.experiment.supervision.own_process import make_undumpable

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux has this")


def dumpable():
    """What the kernel has noted of this process: 0 where it keeps to itself."""
    return ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)


def test_it_ends_with_the_context_also_by_an_exception():
    before = dumpable()
    with contextlib.suppress(ZeroDivisionError), make_undumpable():
        assert dumpable() == 0
        raise ZeroDivisionError
    assert dumpable() == before == 1


def test_another_process_of_the_same_user_cannot_read_it():
    reads = "import sys; open(f'/proc/{sys.argv[1]}/mem', 'rb'); print('it reads')"
    command = [sys.executable, "-c", reads, str(os.getpid())]
    if os.getuid() == 0:
        pytest.skip("root reads everything")
    with make_undumpable():
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "PermissionError" in done.stderr


def test_what_it_starts_can_look_at_itself():
    with make_undumpable():
        looks = "from pathlib import Path; print(len(list(Path('/proc/self/fd').iterdir())))"
        done = subprocess.run([sys.executable, "-c", looks], capture_output=True, check=True)
    assert int(done.stdout) > 2
    assert Path("/proc/self/fd").exists()
