"""Live progress: redrawn on a terminal, a line at intervals elsewhere, none under -q."""

import contextlib
import os
import pty
import re
import subprocess
import sys
from contextlib import contextmanager

import pytest

from pytest_ouro.experiment.terms.job import Position
from pytest_ouro.report import progress
from pytest_ouro.report.position import render
from pytest_ouro.report.progress import Progress


@pytest.mark.parametrize(
    ("position", "text"),
    [
        (Position(None, 20, 3.4), "ouro: starting, 3 s"),
        (Position(0.0, 20, 3.4), "ouro: 0.0/20 s 0% left 20 s"),
        (Position(8.2, 20, 9, "step 123 loss 4.56"),
         "ouro: 8.2/20 s 41% step 123 loss 4.56 left 12 s"),
        (Position(20.3, 20, 25), "ouro: 20.3/20 s 100% evaluating"),
        (Position(9.0, 20, 25, ended=True), "ouro: 9.0/20 s 45% evaluating"),
        (Position(30.0, 300.0, 31), "ouro: 30.0/300 s 10% left 270 s"),
    ],
)  # fmt: skip
def test_line(position, text):
    assert render(position) == text


class Reporter:
    """A stand-in for pytest's terminal reporter."""

    def __init__(self, *, isatty):
        self.isatty = isatty
        self.calls = []
        self.unseen = False

    def write_line(self, text):
        self.calls.append(("line", text))
        self.unseen = True

    def rewrite(self, text, erase):
        self.calls.append(("rewrite", text))
        self.unseen = True

    def flush(self):
        self.unseen = False

    def ensure_newline(self):
        pass


class Capture:
    """A stand-in for pytest's capture manager."""

    suspended = 0

    def __init__(self, reporter):
        self.reporter = reporter

    @contextmanager
    def global_and_fixture_disabled(self):
        self.suspended += 1
        yield
        assert not (self.reporter and self.reporter.unseen), (
            "it would come out where pytest catches it, or late"
        )


class Config:
    def __init__(self, *, isatty=False, verbosity=0, terminal=True):
        self.reporter = Reporter(isatty=isatty) if terminal else None
        self.capture = Capture(self.reporter)
        self.verbosity = verbosity
        self.pluginmanager = self

    def get_plugin(self, name):
        return {"terminalreporter": self.reporter, "capturemanager": self.capture}[name]

    def get_verbosity(self):
        return self.verbosity


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_elsewhere_a_line_at_times(clock):
    config = Config()
    shown = Progress(config)
    for second in range(90):
        clock[0] = 1000.0 + second
        shown.show(Position(float(second), 300, second))
    calls = config.reporter.calls
    assert [kind for kind, _ in calls] == ["line"] * len(calls)
    assert 2 <= len(calls) <= 4
    assert config.capture.suspended >= len(calls)


def test_a_short_run_elsewhere_shows_no_line(clock):
    config = Config()
    shown = Progress(config)
    clock[0] += 2
    shown.show(Position(1.0, 2, 2))
    shown.close()
    assert config.reporter.calls == []


def test_on_a_terminal_one_line_is_redrawn(clock):
    config = Config(isatty=True)
    shown = Progress(config)
    for tenth in range(20):
        clock[0] = 1000.0 + tenth / 10
        shown.show(Position(tenth / 10, 20, tenth / 10))
    calls = config.reporter.calls
    assert {kind for kind, _ in calls} == {"rewrite"}
    assert 2 <= len(calls) <= 5, "twice a second is enough"
    shown.close()
    assert calls[-1] == ("rewrite", "")
    shown.close()
    assert calls.count(("rewrite", "")) == 1


class Started:
    """A stand-in for the record of a run's start."""

    def __init__(self, commit):
        self.commit = commit


BATCH = [
    Position(8.2, 20, 9, "step 123", run=Started("a" * 40)),
    Position(None, 20, 3.4, run=Started("b" * 40)),
    Position(19.0, 20, 25, ended=True, run=Started("c" * 40)),
]


def test_the_runs_of_a_batch_are_in_one_redrawn_line(clock, monkeypatch):
    config = Config(isatty=True)
    monkeypatch.setenv("COLUMNS", "90")
    Progress(config).show_batch(BATCH, "1/4 ended")
    line = "ouro: 1/4 ended | aaaaaaa 41% step 123 | bbbbbbb starting | ccccccc evaluating"
    assert config.reporter.calls == [("rewrite", line)]

    monkeypatch.setenv("COLUMNS", "40")
    narrow = Config(isatty=True)
    Progress(narrow).show_batch(BATCH, "1/4 ended")
    assert narrow.reporter.calls == [("rewrite", f"{line[:38]}…")]


def test_elsewhere_each_run_of_a_batch_has_a_line_at_times(clock):
    config = Config()
    shown = Progress(config)
    for second in range(20):
        clock[0] = 1000.0 + second
        shown.show_batch(BATCH, "1/4 ended")
    assert config.reporter.calls == [
        ("line", "ouro: aaaaaaa 8.2/20 s 41% step 123 left 12 s"),
        ("line", "ouro: bbbbbbb starting, 3 s"),
        ("line", "ouro: ccccccc 19.0/20 s 95% evaluating"),
    ]


def test_a_message_replaces_the_redrawn_line(clock):
    config = Config(isatty=True)
    shown = Progress(config)
    shown.show(Position(1.0, 20, 1))
    shown.say("ouro: waiting")
    assert config.reporter.calls[-2:] == [("rewrite", ""), ("line", "ouro: waiting")]


@pytest.mark.parametrize("config", [Config(verbosity=-1), Config(verbosity=-2, isatty=True)])
def test_mute_when_quiet(config, clock):
    shown = Progress(config)
    shown.say("ouro: waiting")
    clock[0] += 100
    shown.show(Position(1.0, 20, 100))
    shown.close()
    assert config.reporter.calls == []


def test_a_missing_terminal_reporter_is_not_an_error(clock):
    shown = Progress(Config(terminal=False))
    shown.say("ouro: waiting")
    shown.show(Position(1.0, 20, 100))
    shown.close()


def test_a_message_is_cleaned(clock):
    config = Config()
    Progress(config).say("ouro: held by \x1b]0;pwned\x07\x1b[31mme\u202e")
    assert config.reporter.calls == [("line", "ouro: held by me")]


SPEAKS = (
    "import sys\n"
    "for step in range(4):\n"
    "    print(f'\\rstep {step:05d} | loss: {9 - step}.250000 \\x1b[31m| tok/sec: 1,234', end='')\n"
    "    time.sleep(0.4)\n"
    "print()\n"
)


def on_a_terminal(lab, *args):
    """Run ``pytest --ouro-experiment`` in a terminal, and return its output."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--ouro-experiment", *args],
        cwd=lab.path,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(theirs)
    got = b""
    with contextlib.suppress(OSError):  # Linux says so when the other end is closed
        while chunk := os.read(ours, 65536):
            got += chunk
    os.close(ours)
    assert process.wait(30) == 0, got
    return got.decode()


@pytest.fixture
def speaking(lab):
    lab.bound(("budget    = 0.3", "budget    = 1.6"), ("tolerance = 0.3", "tolerance = 9.0"))
    lab.commit(lab.trains(SPEAKS))
    return lab


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("args", [(), ("-s",), ("--capture=sys", "-v")])
def test_a_person_sees_the_run_go_on(speaking, args):
    got = on_a_terminal(speaking, *args)
    shown = [part for part in re.split("[\r\n]", got) if "ouro: " in part and "/1.6 s" in part]
    assert shown, got
    words = r"ouro: \d\.\d/1\.6 s \d+% step \d loss \d\.250000 tok/s 1,234 (left \d s|evaluating) *"
    assert re.fullmatch(words, shown[-1].replace("\x1b[2K", "")), shown
    assert not re.search(r"ouro: .*\x1b\[31m", got), "no colour of the script's"
    last = got.rstrip().splitlines()[-1]
    assert last.startswith("ouro: keep val_bpb=2.000000")


def test_quiet_is_quiet_on_a_terminal_too(speaking):
    got = on_a_terminal(speaking, "-q")
    assert got.count("ouro:") == 1
    assert got.rstrip().splitlines()[-1].startswith("ouro: keep")


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("args", [(), ("-s",)])
def test_a_log_file_gets_plain_lines(speaking, args):
    """The output is not a terminal: no line is redrawn, and a short run prints none."""
    done = speaking.pytest(*args)
    assert done.returncode == 0
    assert "\r" not in done.stdout
    assert "\x1b" not in done.stdout
    assert "/1.6 s" not in done.stdout
