"""A system without Linux's calls: a run is made without them, and which modules use them."""

import os
import re
import sys
from pathlib import Path

import pytest

import pytest_ouro
from pytest_ouro.experiment.supervision import own_process, processes

PACKAGE = Path(pytest_ouro.__file__).parent
#: Calls and files that only Linux has.
LINUX = re.compile(r"\bprctl\(|sched_[gs]etaffinity|memfd_create|F_ADD_SEALS|O_PATH|[\"']/proc/")
#: The modules that may use them. Each works without them, or is only used where they are.
SEAMS = {
    "child/channel.py",  # the death of the parent ends a child
    "child/judge.py",  # seals the shared memory
    "child/probe.py",  # the sandbox's self-test
    "child/kernel/landlock.py",
    "child/kernel/sandbox.py",
    "child/kernel/seccomp.py",
    "child/kernel/subreaper.py",
    "child/kernel/system.py",
    "doctor/canaries/supervisor.py",  # attacks by these files
    "evidence/git/spawn.py",  # what a silent git waits for
    "experiment/devices/device.py",  # the name of the processor
    "experiment/devices/nvml.py",
    "experiment/devices/slots.py",  # cores
    "experiment/supervision/judge_process.py",  # memory without a name
    "experiment/supervision/own_process.py",
    "experiment/supervision/processes.py",
    "experiment/supervision/start_process.py",  # forks only while it has one thread
}


def test_only_the_seams_use_what_linux_alone_has():
    using = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if LINUX.search(path.read_text("utf-8"))
    }
    assert using <= SEAMS


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
    assert processes.adopt_orphans() == frozenset()
    with own_process.make_undumpable():
        pass
