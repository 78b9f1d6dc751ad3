"""A toy experiment whose candidates lie on branches of their own, and batches of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ouro.cli.bless import bless
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.experiment.batch.batch import Batch
from pytest_ouro.experiment.batch.candidates import Candidate
from pytest_ouro.experiment.engines.local import LocalEngine
from pytest_ouro.experiment.engines.sender import Sender
from pytest_ouro.experiment.run import Order
from pytest_ouro.experiment.terms.turns import Turn

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.experiment.terms.setup import Profile

BOUND = """\
[bound]
name = "toy"

[experiment]
command          = ["python", "work.py"]
evaluate-command = ["python", "evaluate.py"]
editable         = ["work.py"]
validation       = ["evaluate.py"]
metric           = "score"
budget           = 60
clock            = "cpu"
timeout          = {timeout}
device           = "cpu"
slots            = {slots}
plausible        = [0, 50]

[verdict]
noise = {noise}

[[danger-zone]]
id    = "evaluation"
rule  = "evaluate.py is fixed."
check = "frozen"
paths = ["evaluate.py"]

[[iron-law]]
id    = "only-work-py"
rule  = "Only work.py is modified."
check = "scope"

[[never-do]]
id    = "skip-logging"
rule  = "Every run is logged."
check = "logged"

[[iron-law]]
id    = "log-every-experiment"
rule  = "Every row is whole."
check = "log-schema"

[[iron-law]]
id    = "keep-or-revert"
rule  = "Keeps stay, discards go."
check = "settled"
"""
#: The score is the number that work.py states as SCORE.
EVALUATE = """\
import os, pathlib, re
text = pathlib.Path(os.environ["OURO_CANDIDATE"], "work.py").read_text()
print("score:", re.search("SCORE = (.*)", text)[1])
"""
WORK = "SCORE = {score}\n{body}\n"
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


class Watched(LocalEngine):
    """A local engine whose events are passed to ``hook`` too, after ``change`` replaced them."""

    hook: Any = None
    change: Any = None

    def wait(self, seconds: float) -> Any:
        found = super().wait(seconds)
        found = self.change(found) if self.change else found
        for event in found if self.hook else ():
            self.hook(event)
        return found

    def pid(self, attempt: str) -> int:
        """The id of the process of the worker that has an attempt."""
        [worker] = [one for one in self._workers.values() if one.attempt == attempt]
        return worker.process.pid


@dataclass
class Field:
    """The toy experiment: ``idea`` commits a candidate, ``batch`` measures some."""

    project: Any
    said: list[str] = field(default_factory=list)
    engine: Any = None
    current: Any = None
    #: Called with each event of the engine.
    hook: Any = None
    #: Called with the events of the engine that arrived together; returns those to handle.
    change: Any = None

    @property
    def path(self) -> Path:
        return self.project.path

    @property
    def head(self) -> str:
        """The commit of the branch."""
        return str(self.project.git("rev-parse", "HEAD"))

    @property
    def journal(self) -> Journal:
        return Journal(self.path / ".git")

    def runs(self, commit: str = "") -> list[Any]:
        """The finished runs of a commit, or of all."""
        return [run for run in self.journal.runs() if commit in ("", run.commit)]

    def idea(self, score: float | str, body: str = "", *, base: str = "main") -> str:
        """Commit a candidate on a branch of its own; return its id."""
        name = f"try-{len(self.project.git('branch').splitlines())}"
        self.project.git("switch", "-q", "-c", name, base)
        files = {"work.py": WORK.format(score=score, body=body)}
        commit = self.project.commit(f"score {score}", files)
        self.project.git("switch", "-q", "main")
        return commit

    def open(self, *commits: str, places: int = 2, profile: Profile = "cpu", **order: Any) -> Batch:
        """A batch of these candidates."""

        def make_engine() -> Watched:
            self.engine = Watched([{}] * places)
            self.engine.hook, self.engine.change = self.hook, self.change
            return self.engine

        self.current = Batch(
            open_case(self.path / "bound.toml", run_commands=True),
            [Candidate(commit, commit) for commit in commits],
            Order(**order),
            profile,
            make_engine,
            say=self.said.append,
        )
        return self.current

    def commit_of(self, event: Any) -> str:
        """The commit that an event is about."""
        found = self.current._attempts.find_task(event.attempt)
        return found.commit if found else ""

    def measure(self, *commits: str, **order: Any) -> Any:
        """Measure these candidates in this process, and return the outcome."""
        batch = self.open(*commits, **order)
        try:
            for commit in commits:
                batch.measure(commit)
        finally:
            batch.close()
        return batch.finish()

    def close(self) -> None:
        """End git's processes, which the last case may have started."""
        if self.current is not None:
            self.current._case.close()

    def verdicts(self, outcome: Any) -> list[str]:
        return [str(result.reason) for _, result in outcome.results]


@pytest.fixture
def field_of(project: Any) -> Any:
    """``field_of(slots=…, noise=…, timeout=…)``: the toy experiment, blessed, on the branch
    main."""
    made = []

    def make(slots: int = min(2, CORES), noise: float = 0.0, timeout: int = 600) -> Field:
        project.git("rm", "-q", "-r", ".")
        project.git("branch", "-M", "main")
        files = {
            "bound.toml": BOUND.format(slots=slots, noise=noise, timeout=timeout),
            "evaluate.py": EVALUATE,
            "work.py": WORK.format(score=5.0, body=""),
            ".gitignore": "run.log\nresults.tsv\n__pycache__/\n",
        }
        project.write(files)
        project.git("add", "-A")
        bless(project.path / "bound.toml")
        project.commit("the experiment")
        made.append(Field(project))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def field(field_of: Any) -> Field:
    return field_of()


@pytest.fixture
def request_for(field: Field, tmp_path: Path) -> Any:
    """``request_for(commit)``: the request to measure a commit."""
    cases = []

    def request_for(commit: str) -> Any:
        cases.append(open_case(field.path / "bound.toml"))
        sender = Sender(cases[-1], tmp_path / "base.bundle", "cpu", None)
        return sender.request(commit, Turn(plan="0123456789ab"))

    yield request_for
    for case in cases:
        case.close()
