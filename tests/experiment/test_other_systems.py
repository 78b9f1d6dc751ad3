"""A system without Linux's calls: a run is made without them, and which modules use them."""

import os
import re
import sys
from pathlib import Path

import pytest

import pytest_ouro
from pytest_ouro.child.kernel import system
from pytest_ouro.experiment.supervision import own_process, processes

PACKAGE = Path(pytest_ouro.__file__).parent
#: Calls and names that only Linux has, and questions for the system.
CALLS = re.compile(
    r"\.prctl\(|sched_[gs]etaffinity|memfd_create|F_ADD_SEALS|O_PATH|setxattr|CDLL|sys\.platform"
)
#: The modules that may use them: the seam, and what names calls or loads another library.
SEAM = {
    "cli/demo/__init__.py",  # whether there is a screen to show the page on
    "child/kernel/system.py",
    "child/kernel/seccomp.py",  # the names of calls that it refuses
    "doctor/canaries/supervisor.py",  # an attack
    "experiment/devices/nvml.py",  # the card's library
    "timing/programs.py",  # stands alone: what clocks and units this system has
}
#: Those that read the files of Linux's processes. Each works without them, or is only used there.
READERS = {
    "child/probe.py",  # the sandbox's self-test
    "child/kernel/sandbox.py",
    "child/kernel/subreaper.py",
    "doctor/canaries/supervisor.py",
    "evidence/git/spawn.py",  # what a silent git waits for
    "experiment/devices/device.py",  # the name of the processor
    "experiment/devices/nvml.py",
    "experiment/engines/on_ray/node.py",  # which start of which machine a node is
    "experiment/supervision/processes.py",
    "experiment/supervision/start_process.py",  # forks only while it has one thread
}


def using(words):
    files = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}
    return {name for name, path in files.items() if words.search(path.read_text("utf-8"))}


def test_one_module_makes_the_calls_that_linux_alone_has():
    assert using(CALLS) <= SEAM


def test_few_modules_read_the_files_of_linuxs_processes():
    assert using(re.compile(r"[\"']/proc/")) <= READERS


@pytest.fixture
def elsewhere(monkeypatch):
    """A system that is not Linux: this process has none of its calls."""
    monkeypatch.setattr(sys, "platform", "darwin")
    for name in ("memfd_create", "sched_getaffinity", "sched_setaffinity"):
        monkeypatch.delattr(os, name, raising=False)
    monkeypatch.setattr("ctypes.CDLL", None)


def test_a_run_needs_none_of_linuxs_calls(lab, elsewhere):
    result = lab.run(lab.script())
    assert (result.status, result.level) == ("keep", "supervised"), result.message
    lab.whole("baseline")


def test_processes_are_known_by_their_ids_and_not_protected(elsewhere):
    assert processes.identity(os.getpid()) == str(os.getpid())
    system.adopt_orphans()
    with own_process.make_undumpable():
        pass
