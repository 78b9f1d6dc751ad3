"""What is run: the experiment's script or command, what evaluates a command, and once the script
that makes the data."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.evidence import data
from pytest_ouro.experiment.supervision.supervisor import supervise
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.experiment.terms.job import Job
from pytest_ouro.experiment.terms.names import LOG, trusted_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.engine import Case
    from pytest_ouro.experiment.terms.job import Position

_NEVER = 365 * 86400.0


def script_job(
    case: Case, experiment: Experiment, *, profile: str, tree: Path, scratch: Path
) -> Job:
    """The experiment's script in ``tree``, a clean checkout, with the trusted harness."""
    folder = tree / case.bound.root
    script = folder / experiment.script
    budget = experiment.budget
    return Job(
        python=interpreter(experiment),
        folder=folder,
        scratch=scratch,
        log=case.repository.git.top / case.bound.root / LOG,
        message={
            "mode": "experiment",
            "root": str(folder),
            "harness": experiment.module,
            "harness_path": str(folder / experiment.harness),
            "harness_source": trusted_source(case, experiment.harness),
            "loader": experiment.loader,
            "evaluate": experiment.evaluate,
            "budget": int(budget) if budget.is_integer() else budget,
            "warmup_tokens": experiment.warmup_tokens,
            "script_source": script.read_bytes().decode("latin-1"),
            "script_path": str(script),
        },
        budget=budget,
        clock=experiment.clock,
        timeout=experiment.seconds("timeout"),
        warmup_seconds=experiment.warmup_seconds,
        startup_seconds=experiment.seconds("startup_seconds"),
        hide_cuda=profile == "cpu",
        settings=settings(case),
    )


def command_job(
    case: Case, experiment: Experiment, *, profile: str, tree: Path, scratch: Path
) -> Job:
    """The experiment's command in ``tree``, a clean checkout. All of it counts as its window."""
    folder = tree / case.bound.root
    return Job(
        python=(sys.executable,),
        folder=folder,
        scratch=scratch,
        log=case.repository.git.top / case.bound.root / LOG,
        message=_command(experiment.command, folder),
        budget=experiment.budget,
        clock=experiment.clock,
        timeout=experiment.seconds("timeout"),
        limit=experiment.budget + experiment.seconds("tolerance"),
        hide_cuda=profile == "cpu",
        settings=settings(case),
    )


def evaluation_job(
    case: Case, experiment: Experiment, run: Job, *, tree: Path, seconds: float
) -> Job:
    """What evaluates the result of ``run``, a command: in ``tree``, the trusted checkout."""
    folder = tree / case.bound.root
    return replace(
        run,
        folder=folder,
        scratch=run.scratch / "evaluation",
        message=_command(experiment.evaluate_command, folder),
        budget=_NEVER,
        timeout=seconds,
        limit=None,
        append=True,
        settings={**run.settings, "OURO_CANDIDATE": str(run.folder)},
    )


def _command(words: tuple[str, ...], folder: Path) -> dict[str, Any]:
    """The launcher's message that makes it this command."""
    return {"mode": "command", "root": str(folder), "command": program(words)}


def make_data(
    case: Case,
    experiment: Experiment,
    *,
    profile: Literal["cpu", "cuda"],
    scratch: Path,
    say: Callable[[str], None],
) -> bool:
    """Where data is missing, run the bound's ``prepare`` once, from its trusted bytes.

    Returns whether it was made. ExperimentError where there is nothing to run, or the data is
    missing even then.
    """
    root = case.repository.git.top / case.bound.root
    lacking = data.missing(experiment.data, root)
    if not lacking:
        return False
    maker = experiment.harness or experiment.prepare
    by_hand = f"{' '.join(experiment.python)} {case.bound.path(maker)}"
    if not experiment.prepare:
        help = f"make it: {by_hand}" if maker else "put it there"
        raise ExperimentError(f"data missing: {lacking[0]}", help=help)
    say(f"ouro: data missing ({lacking[0]}): running {experiment.prepare} once")
    job = Job(
        python=interpreter(experiment),
        folder=root,
        scratch=scratch,
        log=scratch / "prepare.log",
        message={
            "mode": "script",
            "root": str(root),
            "script_source": trusted_source(case, experiment.prepare),
            "script_path": str(root / experiment.prepare),
        },
        budget=_NEVER,
        clock="wall",
        timeout=_NEVER,
        hide_cuda=profile == "cpu",
        settings=settings(case),
    )
    echo = _Echo(job.log, experiment.prepare, say)
    seen = supervise(job, echo)
    echo()
    if seen.stopped == "interrupted":
        raise KeyboardInterrupt
    lacking = data.missing(experiment.data, root)
    if seen.exit_code or lacking:
        why = seen.tail[-1] if seen.tail else f"exit status {seen.exit_code}"
        raise ExperimentError(
            f"data missing: {experiment.prepare} could not make it: {why}",
            help=f"run it by hand: {by_hand}",
        )
    return True


class _Echo:
    """Says each new line of a log once."""

    def __init__(self, log: Path, name: str, say: Callable[[str], None]) -> None:
        self._log, self._name, self._say = log, name, say
        self._said = 0

    def __call__(self, position: Position | None = None) -> None:
        lines = self._log.read_text(errors="replace").split("\n")[:-1]
        for line in lines[self._said :]:
            self._say(f"ouro: {self._name}: {clean(line)}")
        self._said = len(lines)


def interpreter(experiment: Experiment) -> tuple[str, ...]:
    """The command that starts Python."""
    return program(experiment.python)


def program(words: tuple[str, ...]) -> tuple[str, ...]:
    """A command of the bound: "python" is the interpreter that runs us."""
    first, *rest = words
    return (sys.executable if first == "python" else first, *rest)


def settings(case: Case) -> dict[str, str]:
    """Make an uv project use the environment that it has, not a new one in the worktree."""
    for folder in (case.evidence.root, case.repository.git.top):
        if (folder / ".venv").is_dir():
            return {"UV_PROJECT_ENVIRONMENT": str(folder / ".venv"), "UV_NO_SYNC": "1"}
    return {}
