"""Fixtures of the tests of experiments: a laboratory around the toy project, and its scripts."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_ouro.cli.bless import bless
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.experiment.run import Order, run_experiment
from pytest_ouro.experiment.supervision.supervisor import supervise
from pytest_ouro.experiment.terms.job import Job
from pytest_ouro.experiment.terms.printed import Printed

#: Evaluates at once: a whole run takes a quarter of a second.
QUICK = """\
from prepare import evaluate_bpb
{before}
val_bpb = evaluate_bpb({value!r})
print(f"val_bpb: {{val_bpb:.6f}}")
{after}
"""

#: Runs ``body`` between two batches, then evaluates.
TRAINS = """\
import time
from prepare import evaluate_bpb, make_dataloader
batches = make_dataloader()
next(batches)
{body}
next(batches)
print(f"val_bpb: {{evaluate_bpb(2.0):.6f}}")
"""

#: A harness for jobs without a project around them.
HARNESS = """\
TIME_BUDGET = 999

class Batch(list):
    def numel(self):
        return len(self)

def make_dataloader():
    while True:
        yield Batch([1, 2, 3, 4]), "targets"

def evaluate_bpb(model):
    return model
"""


@dataclass(frozen=True)
class Lab:
    """The toy project, with methods to change it, run it and read its records."""

    project: Any

    @property
    def path(self) -> Path:
        return self.project.path

    @property
    def journal(self) -> Journal:
        return Journal(self.path / ".git")

    @property
    def rows(self) -> list[list[str]]:
        """The ledger's rows without its header."""
        text = (self.path / "results.tsv").read_text()
        return [line.split("\t") for line in text.splitlines()[1:]]

    def script(self, value: float = 2.0, *, before: str = "", after: str = "") -> str:
        """A train.py that evaluates at once."""
        return QUICK.format(value=value, before=before, after=after)

    def trains(self, body: str) -> str:
        """A train.py whose training, between two batches, is ``body``."""
        return TRAINS.format(body=body)

    def commit(self, script: str, message: str = "an idea") -> str:
        return self.project.commit(message, {"train.py": script})

    def bound(self, *edits: tuple[str, str], **files: str) -> None:
        """Edit bound.toml, write files, bless and commit all of it."""
        for old, new in edits:
            self.project.edit("bound.toml", old, new)
        self.project.write({name.replace("_py", ".py"): text for name, text in files.items()})
        self.project.git("add", "-A")
        bless(self.path / "bound.toml")
        with (self.path / "bound.lock").open("a") as lock:
            lock.write(f"# {uuid.uuid4().hex}\n")  # two blessings in one second are two
        self.project.commit("bless")

    def run(
        self, script: str | None = None, *, say: Any = None, progress: Any = None, **order: Any
    ) -> Any:
        """Commit ``script`` if there is one, and run an experiment in this process."""
        if script is not None:
            self.commit(script)
        case = open_case(self.path / "bound.toml")
        say = say or (lambda text: None)
        return run_experiment(case, Order(**order), progress=progress, say=say)

    def pytest(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run ``pytest --ouro-experiment ARGS``; fail if it prints a traceback."""
        done = self.project.pytest("--ouro-experiment", *args, **env)
        spoken_by_us(done.stdout + done.stderr)
        return done

    def start(self, *args: str) -> subprocess.Popen[str]:
        """Start the same in its own session, and return the running process."""
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--ouro-experiment", *args],
            cwd=self.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def line(self, process: subprocess.Popen[str], words: str, *, seconds: float = 300) -> str:
        """Wait for the line of a started run's output that contains ``words``, and return it."""
        said = []
        assert process.stdout is not None
        patience = threading.Timer(seconds, process.kill)
        patience.start()
        try:
            for line in process.stdout:
                said.append(line)
                if words in line:
                    return line
        finally:
            patience.cancel()
        raise AssertionError("".join(said))

    def clean(self) -> None:
        """Assert that nothing is left behind: no worktree, no change, an intact chain."""
        assert len(self.project.git("worktree", "list").splitlines()) == 1
        assert self.project.git("status", "--porcelain") == ""
        assert self.journal.broken_link() == 0
        assert not self.journal.unfinished()

    def whole(self, *reasons: str) -> None:
        """Assert that nothing is left behind, and that these runs are recorded with their rows."""
        self.clean()
        runs = list(self.journal.runs())
        assert [run["reason"] for run in runs] == list(reasons)
        assert len({run["run"] for run in runs}) == len(runs)
        assert [run["row"].split("\t") for run in runs] == self.rows


def spoken_by_us(text: str) -> None:
    ours = "\n".join(line for line in text.splitlines() if "run.log |" not in line)
    for word in ("Traceback", "INTERNALERROR", "most recent call"):
        assert word not in ours, text


@pytest.fixture
def lab(project: Any) -> Lab:
    return Lab(project)


@pytest.fixture
def last_line() -> Any:
    """The last line of a process's standard output."""
    return lambda done: done.stdout.rstrip("\n").split("\n")[-1]


@pytest.fixture
def wait_until_gone() -> Any:
    """``wait_until_gone(pid)``: wait until the process has ended; return whether it has."""

    def wait(pid: int, seconds: float = 120.0) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return True
            state = subprocess.run(
                ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
            )
            if not state.stdout.strip() or state.stdout.strip().startswith("Z"):
                return True
            time.sleep(0.05)
        return False

    return wait


@pytest.fixture
def wait_for_json() -> Any:
    """``wait_for_json(path)``: wait for the file of another process, and return its JSON."""

    def read(path: Path, seconds: float = 120.0) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if path.exists() and (text := path.read_text()).endswith("\n"):
                return json.loads(text)
            time.sleep(0.02)
        raise AssertionError(f"{path} was not written")

    return read


@dataclass(frozen=True)
class Bench:
    """The supervisor alone, without a repository: a script, a harness, a job."""

    folder: Path
    home: Path

    def job(self, script: str | bytes, *, mode: str = "script", **changes: Any) -> Job:
        path = self.folder / "train.py"
        path.write_bytes(script.encode() if isinstance(script, str) else script)
        message = {
            "mode": mode,
            "root": str(self.folder),
            "harness": "prepare",
            "harness_path": str(self.folder / "prepare.py"),
            "harness_source": changes.pop("harness", HARNESS),
            "loader": "make_dataloader",
            "evaluate": "evaluate_bpb",
            "budget": changes.get("budget", 30.0),
            "warmup_tokens": changes.pop("warmup_tokens", 0),
            "steps": changes.pop("steps", 0),
            "script_source": path.read_bytes().decode("latin-1"),
            "script_path": str(path),
        }
        job = Job(
            program="train.py",
            python=(sys.executable,),
            folder=self.folder,
            scratch=self.folder / "scratch",
            log=self.folder / "run.log",
            message=message,
            budget=30.0,
            clock="wall",
            timeout=30.0,
            printed=Printed("val_bpb", which="last"),
        )
        return replace(job, **changes)

    def run(self, script: str | bytes, *, progress: Any = None, **changes: Any) -> Any:
        return supervise(self.job(script, **changes), progress)

    def train(self, script: str, **changes: Any) -> Any:
        """Run a script with the harness."""
        return self.run(script, mode="experiment", **changes)

    def trains(self, body: str) -> str:
        return TRAINS.format(body=body)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    folder = tmp_path / "bench"
    folder.mkdir()
    return Bench(folder, Path.home())


@pytest.fixture
def fixed_salts(monkeypatch: Any) -> None:
    """Let plans draw the same salts and orders in every session, so that no luck decides a test."""
    draw = random.Random(20)
    stand_in = SimpleNamespace(
        randbelow=lambda top: draw.randrange(top), randbits=lambda count: draw.getrandbits(count)
    )
    monkeypatch.setattr("pytest_ouro.experiment.selection.plan.secrets", stand_in)
