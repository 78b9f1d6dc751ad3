"""Describe the jobs of a run: the script or command, and its evaluation; and run the script that
makes missing data."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence import data
from pytest_ouro.experiment.devices.device_lock import hold_devices
from pytest_ouro.experiment.supervision.supervisor import supervise
from pytest_ouro.experiment.terms.console_text import clean, lines
from pytest_ouro.experiment.terms.job import CHILD, Job, environment
from pytest_ouro.experiment.terms.names import LOG, python_words, trusted_source
from pytest_ouro.experiment.terms.printed import Printed
from pytest_ouro.messages import experiment as messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ouro.bound.guards import Guard
    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.child.job import Confinement
    from pytest_ouro.child.job import Job as Message
    from pytest_ouro.engine import Case
    from pytest_ouro.experiment.terms.job import Position
    from pytest_ouro.experiment.terms.printed import Which
    from pytest_ouro.experiment.terms.setup import Setup

#: A time limit, in seconds, that no job reaches.
_NEVER = 365 * 86400.0


def script_job(setup: Setup, tree: Path) -> Job:
    """Return the job that runs the experiment's script in ``tree``, a checkout of the tried commit,
    with the trusted bytes of the harness.

    Of several printed values of the metric the last counts, unless the bound's ``metric-which``
    says otherwise. Raise ExperimentError if the harness is not trusted, another OuroError if it
    cannot be read, OSError if ``tree`` lacks the script.
    """
    case, experiment = setup.case, setup.experiment
    folder = tree / case.bound.root
    script = folder / experiment.script
    budget = experiment.budget
    message: Message = {
        "mode": "experiment",
        "root": str(folder),
        "harness": experiment.module,
        "harness_path": str(folder / experiment.harness),
        "harness_source": trusted_source(case, experiment.harness),
        "loader": experiment.loader,
        "evaluate": experiment.evaluate,
        "metric": experiment.metric,
        "budget": int(budget) if budget.is_integer() else budget,
        "steps": experiment.steps or 0,
        "warmup_tokens": experiment.warmup_tokens,
        "script_source": script.read_bytes().decode("latin-1"),
        "script_path": str(script),
    }
    return replace(
        _job(setup, message),
        folder=folder,
        warmup_seconds=experiment.warmup_seconds,
        startup_seconds=experiment.seconds("startup_seconds"),
        printed=_printed(experiment, otherwise="last"),  # beside the measured value
    )


def command_job(setup: Setup, tree: Path) -> Job:
    """Return the job that runs the experiment's command in ``tree``, a clean checkout of the tried
    commit.

    The command is ended when its time on the bound's clock exceeds the budget by more than the
    seconds that the bound states as ``tolerance``. Its temporary files go to the folder ``run`` in
    the setup's scratch folder.
    """
    folder = tree / setup.case.bound.root
    return replace(
        _job(setup, _command(setup.experiment.command, folder)),
        python=(sys.executable,),
        folder=folder,
        scratch=setup.scratch / "run",
        limit=setup.experiment.budget + setup.experiment.seconds("tolerance"),
    )


def _job(setup: Setup, message: Message) -> Job:
    """Return a job with the settings of ``setup``, to be run in the experiment's own folder, not
    yet in a checkout; ``message`` says what is run."""
    root, experiment = setup.case.evidence.root, setup.experiment
    return Job(
        program=experiment.program,
        python=interpreter(experiment),
        folder=root,
        scratch=setup.scratch,
        log=root / LOG,
        message=message,
        budget=experiment.budget,
        clock=experiment.clock,
        timeout=experiment.seconds("timeout"),
        hide_cuda=setup.profile == "cpu",
        cores=frozenset(setup.cores),
        hidden=setup.hidden,
        rehearsal=setup.rehearsal,
        settings=settings(setup.case),
        printed=_printed(experiment, otherwise="only"),
    )


def _printed(experiment: Experiment, *, otherwise: Which) -> Printed:
    """Return how the experiment's program prints the metric, as the bound states it. The bound's
    ``metric-which`` says which of several different printed values counts; its default "only" says
    that they are an error. If it is "only", ``otherwise`` is used in its place: "last" for a
    script, whose printed value is only compared with the measured one."""
    which = otherwise if experiment.metric_which == "only" else experiment.metric_which
    return Printed(experiment.metric, experiment.unit, which, experiment.metric_from)


def evaluation_job(
    setup: Setup, run: Job, tree: Path, *, seconds: float, guard: Guard | None = None
) -> Job:
    """Return the job that evaluates the result of ``run``, the job of a command, in ``tree``, the
    trusted checkout; with ``guard``, the job that runs that guard's command there. The job is ended
    after ``seconds``. Its scratch folder is made here.

    The variable OURO_CANDIDATE names the folder in which the command ran. But if the command was in
    a sandbox, OURO_CANDIDATE names the folder ``candidate`` in the new scratch folder, into which
    the caller must copy the command's files; and the evaluation runs under
    `child.evaluation.observe`, which reports if the evaluation's own process runs code of the
    candidate. The variable OURO_CONFINE has the words by which the evaluation can run a program of
    the candidate; their settings (`_confined`) are written to a file in the scratch folder.
    """
    folder = tree / setup.case.bound.root
    scratch = Path(tempfile.mkdtemp(prefix="evaluation-", dir=setup.scratch))
    words = guard.command if guard else setup.experiment.evaluate_command
    limited = [guard] if guard else [one for one in setup.case.bound.guards if not one.command]
    message: Message = {**_command(words, folder), "evaluation": True}
    candidate = run.folder
    if "sandbox" in run.message:
        candidate = scratch / "candidate"
        interpreter, script = python_words(words) or ((), ())
        message["command"], message["observed"] = list(_program(interpreter)), list(script)
    confine = json.dumps(_confined(run, scratch))
    (scratch / "confine.json").write_text(confine, "utf-8")
    prefix = (sys.executable, "-B", str(CHILD), "evaluation.confine", str(scratch / "confine.json"))
    return replace(
        run,
        program=f"guard {guard.id}" if guard else "evaluate-command",
        guarded=tuple(Printed(one.metric) for one in limited if one.metric),
        folder=folder,
        scratch=scratch,
        message=message,
        budget=_NEVER,
        timeout=seconds,
        limit=None,
        append=True,
        settings={
            **run.settings,
            "OURO_CANDIDATE": str(candidate),
            "OURO_CONFINE": shlex.join(prefix),
        },
    )


def _confined(run: Job, scratch: Path) -> Confinement:
    """Return the settings, for JSON, by which ``evaluation.confine`` runs a program of the
    candidate. ``run`` is the job of the candidate's command.

    The program gets the folder of ``run``, its environment except for TMPDIR, and its sandbox if it
    has one. In the sandbox the program can write only to a new folder in ``scratch``. The private
    folders of ``run`` are made (`environment`).
    """
    return {
        "sandbox": run.message.get("sandbox"),
        "network": run.message.get("network", False),
        "folder": str(run.folder),
        "python": sys.executable,
        "environment": environment(run),
        "scratch": str(scratch),
    }


def _command(words: tuple[str, ...], folder: Path) -> Message:
    """Return the message by which the launcher executes a command in ``folder``; if its first word
    is "python", with the interpreter that runs this process in its place."""
    return {"mode": "command", "root": str(folder), "command": list(_program(words))}


def make_data(setup: Setup, say: Callable[[str], None]) -> bool:
    """If data of the bound is missing, run the bound's ``prepare`` script, from its trusted bytes,
    to make it. If another run makes it now, wait for that. Return whether the data may be new.

    ``say`` is called with a line before the run, and with each line that the script prints. Raise
    ExperimentError if data is missing and the bound names no ``prepare`` script; if the script is
    not trusted, cannot be started or fails; or if data is still missing after it. Raise another
    OuroError if the script cannot be read, KeyboardInterrupt if a person interrupts it.
    """
    case, experiment = setup.case, setup.experiment
    root = case.evidence.root
    if not experiment.prepare:
        if missing := data.missing(experiment.data, root):
            raise messages.data_missing(missing[0], _by_hand(setup))
        return False
    # A run in another slot may make it now, and its files are there before they are whole.
    which = hashlib.sha256(" ".join(experiment.data).encode()).hexdigest()[:12]
    with hold_devices([f"data-{which}"], say) as waited:
        missing = data.missing(experiment.data, root)
        if missing:
            _run_prepare(setup, missing[0], say)
    return waited or bool(missing)


def _by_hand(setup: Setup) -> str:
    """Return the command by which a person makes the data, "" if the bound names none."""
    case, experiment = setup.case, setup.experiment
    script = experiment.harness or experiment.prepare
    word = case.repository.git.word(case.bound.path(script)) if script else ""
    return f"{shlex.join(experiment.python)} {word}" if script else ""


def _run_prepare(setup: Setup, missing: str, say: Callable[[str], None]) -> None:
    """Run the ``prepare`` script, as data of the pattern ``missing`` is not there. Raise as
    `make_data` does."""
    case, experiment = setup.case, setup.experiment
    root = case.evidence.root
    say(f"ouro: data missing ({missing}): running {experiment.prepare} once")
    message: Message = {
        "mode": "script",
        "root": str(root),
        "script_source": trusted_source(case, experiment.prepare),
        "script_path": str(root / experiment.prepare),
    }
    job = replace(
        _job(setup, message),
        program=experiment.prepare,
        log=setup.scratch / "prepare.log",
        budget=_NEVER,
        clock="wall",
        timeout=_NEVER,
    )
    echo = _Echo(job.log, experiment.prepare, say)
    seen = supervise(job, echo)
    echo()
    if seen.stopped == "interrupted":
        raise KeyboardInterrupt
    if seen.exit_code or data.missing(experiment.data, root):
        why = seen.tail[-1] if seen.tail else f"exit status {seen.exit_code}"
        raise messages.data_not_made(experiment.prepare, why, _by_hand(setup))


class _Echo:
    """A function that reports the output of the ``prepare`` script while it runs. Each call passes
    the whole lines that were added to the file ``log`` since the call before to ``say``, each as
    ``ouro: NAME: LINE`` with the script's ``name``."""

    def __init__(self, log: Path, name: str, say: Callable[[str], None]) -> None:
        self._log, self._name, self._say = log, name, say
        self._reported = 0

    def __call__(self, position: Position | None = None) -> None:
        """Report the whole lines that were added since the last call; a line without its end is
        reported later. ``position``, which `supervise` passes, is not used. Raise OSError if the
        log cannot be read."""
        shown = lines(self._log.read_bytes().decode(errors="replace"))[:-1]
        for line in shown[self._reported :]:
            self._say(f"ouro: {self._name}: {clean(line)}")
        self._reported = len(shown)


def interpreter(experiment: Experiment) -> tuple[str, ...]:
    """Return the command that starts Python for the experiment, as the bound states it; if its
    first word is "python", with the interpreter that runs this process in its place."""
    return _program(experiment.python)


def _program(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return a command of the bound; if its first word is "python", with the interpreter that runs
    this process in its place."""
    first, *rest = words
    return (sys.executable if first == "python" else first, *rest)


def settings(case: Case) -> dict[str, str]:
    """Return environment variables by which uv uses the ``.venv`` of the experiment's folder, or
    else of the repository's top, and does not make one in a worktree. {} if neither folder has
    one."""
    for folder in (case.evidence.root, case.repository.git.top):
        if (folder / ".venv").is_dir():
            return {"UV_PROJECT_ENVIRONMENT": str(folder / ".venv"), "UV_NO_SYNC": "1"}
    return {}
