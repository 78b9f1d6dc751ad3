"""Faults of a batch: what cannot be started, hangs, is killed or is interrupted."""

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

from pytest_ouro.core.errors import OuroError
from pytest_ouro.experiment.batch import attempts, open_engine
from pytest_ouro.experiment.batch.attempts import Attempts
from pytest_ouro.experiment.batch.recorder import Recorder
from pytest_ouro.experiment.batch.task import Task
from pytest_ouro.experiment.engines import events

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="this system confines no process to cores"
)
#: Starts a process in a session of its own, and becomes another: both sleep for this long.
SECONDS = "271828.25"
SLEEPS = f"""import os, subprocess
subprocess.Popen(["sleep", "{SECONDS}"], start_new_session=True)
os.execvp("sleep", ["sleep", "{SECONDS}"])"""


def sleepers():
    """The ids of the processes that a candidate with the body SLEEPS made."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended
            if file.read_bytes().split(b"\0")[:2] == [b"sleep", SECONDS.encode()]:
                found.append(int(file.parent.name))
    return found


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert condition()


@pytest.mark.tier(2)
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs Linux's /proc")
def test_of_a_killed_worker_no_process_of_its_run_stays(field):
    commit, good = field.idea(4.0, SLEEPS), field.idea(4.5, "x = 1")
    field.measure(field.head)
    seen = []

    def kill(event):
        mine = isinstance(event, events.Progressed) and field.commit_of(event) == commit
        if mine and len(sleepers()) == 2:
            seen.append(sleepers())
            os.kill(field.engine.pid(event.attempt), signal.SIGKILL)
            wait_for(lambda: not set(sleepers()) & set(seen[-1]))

    field.hook = kill
    outcome = field.measure(commit, good)

    assert field.verdicts(outcome) == ["lost", "improved"]
    assert len(seen) == 2
    assert not sleepers()


@pytest.mark.tier(2)
def test_a_run_that_does_not_end_is_given_up(field, monkeypatch):
    """Its worker gives signs of life, and its supervisor does not end it."""
    field.measure(field.head)
    monkeypatch.setattr(attempts, "SLACK", -599.0)  # the timeout is 600 s
    commit = field.idea(4.0, "import time\ntime.sleep(60)")

    outcome = field.measure(commit)

    assert field.verdicts(outcome) == ["lost"]
    assert [run.message for run in field.runs(commit)] == ["its run did not end within 1 s"] * 2


class Hanging:
    """An engine whose workers do nothing; ``given_up`` are the reasons why they were ended."""

    capacity = 1

    def __init__(self):
        self.given_up, self._events = [], []

    def start(self, request):
        pass

    def wait(self, seconds):
        found, self._events = self._events, []
        return found

    def give_up(self, attempt, why):
        self.given_up.append(why)
        self._events.append(events.Lost(attempt=attempt, why=why))


class Requests:
    """Makes requests, as a Sender does."""

    def __init__(self):
        self._number = 0

    def request(self, commit, turn):
        self._number += 1
        return events.Request(
            attempt=f"a{self._number}", commit=commit, head="", trust="", named=True, bound="",
            base="", base_digest="", bundle=b"", digest="", version="",
        )  # fmt: skip


@pytest.fixture
def hanging(monkeypatch):
    """An engine that hangs, and the attempts on it."""
    engine, said = Hanging(), []
    recorder = Recorder(None, None, is_local=False, data="", say=said.append)
    made = Attempts(
        engine, recorder, Requests(), None, timeout=1.0, tell=lambda task, text: said.append(text)
    )
    return engine, made


def test_a_worker_that_says_nothing_is_given_up(hanging, monkeypatch):
    engine, made = hanging
    monkeypatch.setattr(attempts, "QUIET", 0.0)
    task = Task("c" * 40)

    for _ in range(4):
        if task.is_ready:
            made.send(task)
        made.handle_next(again=True)

    assert engine.given_up == ["its worker said nothing about it within 0 s"] * 2
    assert task.tries == 2
    assert "the worker failed: its worker said nothing about it" in task.error.message


def test_no_deadline_passes_while_nobody_looks(hanging, monkeypatch):
    """This process was stopped: what its worker sent waits to be read."""
    engine, made = hanging
    now = [1000.0]
    monkeypatch.setattr(attempts.time, "monotonic", lambda: now[0])
    made.handle_next(again=True)
    made.send(Task("c" * 40))
    now[0] += attempts.QUIET + 1
    made.handle_next(again=True)
    assert not engine.given_up

    for _ in range(2):
        now[0] += 2
        made.handle_next(again=True)
    made.handle_next(again=True)
    assert not engine.given_up  # it has the time that it had before


def test_a_batch_that_cannot_start_says_so_for_each_candidate(field, monkeypatch):
    class Broken:
        def __init__(self, *words):
            raise OSError("the disk is full")

    monkeypatch.setattr(open_engine, "Sender", Broken)
    first, second = field.idea(4.0), field.idea(4.5)
    batch = field.open(first, second)

    for commit in (first, second):
        with pytest.raises(OuroError, match="OSError: the disk is full"):
            batch.measure(commit)
    batch.close()

    assert batch.finish().last_line == "ouro: batch keep=0 discard=0 crash=0 closed=0 unmade=2"
    assert not field.runs()


@pytest.mark.tier(2)
def test_an_end_whose_recording_is_interrupted_is_recorded_by_close(field, monkeypatch):
    field.measure(field.head)
    commit = field.idea(4.0)
    end = Recorder.end
    calls = []

    def interrupted(self, event, case):
        calls.append(event)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return end(self, event, case)

    monkeypatch.setattr(Recorder, "end", interrupted)
    batch = field.open(commit)
    with pytest.raises(KeyboardInterrupt):
        batch.measure(commit)
    batch.close()

    assert [str(run.reason) for run in field.runs(commit)] == ["improved"]
    assert not field.journal.unfinished()


@pytest.mark.tier(2)
def test_a_user_who_forbids_bare_repositories_can_have_workers(field, monkeypatch):
    commit = field.idea(4.0)
    field.project.identify()
    settings = field.path.parent / ".gitconfig"
    settings.write_text("[safe]\n\tbareRepository = explicit\n")
    monkeypatch.setenv("HOME", str(field.path.parent))

    assert field.verdicts(field.measure(commit)) == ["improved"]
