"""Other processes cannot read the supervisor's memory during a run."""

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
    """Return the kernel's flag of this process: 0 if it is undumpable."""
    return ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)


def test_the_process_is_dumpable_again_also_after_an_exception():
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


def test_a_child_process_can_read_its_own_state():
    with make_undumpable():
        looks = "from pathlib import Path; print(len(list(Path('/proc/self/fd').iterdir())))"
        done = subprocess.run([sys.executable, "-c", looks], capture_output=True, check=True)
    assert int(done.stdout) > 2
    assert Path("/proc/self/fd").exists()
