"""A laboratory for hostile programs: it runs the miniature experiment and examines the result."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from miniature import write_data, write_project
from pytest_ouro.core.errors import OuroError
from pytest_ouro.engine import check_all, open_case
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.experiment.run import Order, run_experiment

#: A value this much below the best possible one cannot be due to chance.
LUCK = 0.02
#: Each program is run as often as it asks for, also if its code was measured before.
RUN = ("--ouro-experiment", "--ouro-again")
#: Seconds that a surviving process of a run has to leave its trace.
PATIENCE = 4.0


@dataclass(frozen=True)
class Seen:
    """The result of a program: the run's record, and the rules that are broken after it."""

    record: dict[str, Any] | None
    best_possible: float
    closed: tuple[str, ...] = ()
    traces: bool = False
    output: str = ""

    @property
    def outcome(self) -> str:
        """``caught``, ``neutralised`` or ``open``."""
        if self.record is None or self.record["status"] == "crash" or self.closed:
            return "caught"
        if self.record["reason"] == "level":
            return "caught"
        unfair = self.record["value"] < self.best_possible - LUCK
        return "open" if unfair or self.traces or self.reached else "neutralised"

    @property
    def why(self) -> str:
        """The messages about a run that is caught."""
        if self.record is None:
            return "\n".join(["no record", *self.closed, self.output])
        return "\n".join([self.record["reason"], self.record.get("message", ""), *self.closed])

    @property
    def reached(self) -> bool:
        """Whether the program printed that it succeeded."""
        return self.record is not None and self.record["claims"].get("reached") == "yes"

    def __str__(self) -> str:
        words = ("status", "outcome", "message", "val_bpb", "claimed", "window_seconds", "level")
        facts = {word: self.record.get(word) for word in words} if self.record else "no record"
        return (
            f"{self.outcome}: {facts}, reached={self.reached}, traces={self.traces}, "
            f"closed={self.closed}, best possible {self.best_possible:.4f}\n{self.output}"
        )


@dataclass(frozen=True)
class Laboratory:
    """The miniature experiment in its own repository."""

    project: Any
    best_possible: float
    script: str = "train.py"

    def run(self, program: Any) -> Seen:
        """Commit and run the program; return its record and its traces."""
        for time_ in range(2 if "twice" in program.keys else 1):
            self.project.commit(program.name, {self.script: f"{program.text}TIME = {time_}\n"})
            said = self._alone() if "alone" in program.keys else self._here()
        return self._seen(program, said)

    def _here(self) -> str:
        case = open_case(self.project.path / "bound.toml")
        try:
            result = run_experiment(case, Order(again=True))
        except OuroError as error:  # it could not be written: that is said, and no verdict
            return str(error)
        closed = [f.headline for judgement in result.closed for f in judgement.findings]
        return "\n".join([*closed, result.message, *result.tail])

    def _alone(self) -> str:
        """In a process that the program may end."""
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *RUN],
            cwd=self.project.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            return process.communicate(timeout=300)[0][-2000:]
        except subprocess.TimeoutExpired:
            process.kill()
            return process.communicate()[0][-2000:] + "\nit had to be killed"

    def _seen(self, program: Any, said: str) -> Seen:
        trace = Path.home() / program.keys["trace"] if "trace" in program.keys else None
        deadline = time.monotonic() + PATIENCE
        while trace is not None and not trace.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        commit = self.project.git("rev-parse", "HEAD")
        try:
            runs = Journal(self.project.path / ".git").runs()
            own = [run.to_json() for run in runs if run.commit == commit]
            judged = check_all(open_case(self.project.path / "bound.toml"))
        except OuroError as error:
            return Seen(None, self.best_possible, (str(error),), output=said)
        closed = tuple(f"{j.rule}: {j.findings[0].headline}" for j in judged if j.broken)
        traces = trace is not None and trace.exists()
        return Seen(own[-1] if own else None, self.best_possible, closed, traces, said)


@pytest.fixture(scope="session")
def miniatures() -> dict[Any, Any]:
    """The project at each level with each loader and each number of steps, and the data, kept to be
    copied."""
    return {}


@pytest.fixture
def laboratory(
    request: pytest.FixtureRequest,
    miniatures: dict[Any, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """``laboratory("supervised")``: return a laboratory whose bound has this highest level."""

    def opened(level: str, loader: str = "make_dataloader", steps: int = 0) -> Laboratory:
        project = request.getfixturevalue("new_repository")
        if "data" not in miniatures:
            miniatures["data"] = tmp_path_factory.mktemp("data")
            miniatures["best"] = write_data(miniatures["data"])
        shutil.copytree(miniatures["data"], Path.home(), dirs_exist_ok=True)
        if (level, loader, steps) not in miniatures:
            baseline = Path(__file__).with_name("honest") / "baseline.py"
            write_project(project, level, baseline.read_text(encoding="utf-8"), loader, steps)
            kept = tmp_path_factory.mktemp("built") / "project"
            copied = replace(project, path=shutil.copytree(project.path, kept))
            miniatures[level, loader, steps] = copied
        else:
            copied = miniatures[level, loader, steps]
            shutil.copytree(copied.path, project.path, dirs_exist_ok=True)
        return Laboratory(project, miniatures["best"])

    return opened
