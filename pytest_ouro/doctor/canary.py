"""Run one canary, a supervised run in its own repository, and determine whether its cheat worked.

What the canary prints never suffices: a cheat is stopped only if there is a finding, or if it is
observed from outside that it had no effect. One that could not be tried counts as not stopped.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.errors import OuroError
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.evidence.shared.named import OWN, VARIABLE
from pytest_ouro.experiment.run import Order, run_experiment
from pytest_ouro.experiment.terms import repo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.bound.tables import Level
    from pytest_ouro.experiment.result import Result

_State = Literal["held", "caught", "neutralised", "open", "failed"]

PROGRAMS = Path(__file__).parent / "canaries"
HONEST = "honest"
#: The prefix of the names of the canaries that a ``command`` runs: those in the folder `commands`.
COMMAND = "command-"
#: The canaries whose cheat acts outside their process: it is refused, or it leaves a trace.
_OUTSIDE = (
    *("answers", "network", "records", "supervisor"),
    *("command-answers", "command-network", "command-daemon"),
)
#: Two runs of one model differ in the last bits only; a cheat gains more than this.
_SAME = 1e-4
#: What a canary prints before the error of an action that failed, and before the id of a process
#: that it left behind.
_REFUSED, _LEFT = "refused: ", "left: "
_COMMAND_BOUND = """\
[experiment]
command          = ["python", "candidate.py"]
evaluate-command = ["python", "evaluate.py"]
editable         = ["candidate.py"]
validation       = ["answers.txt"]
metric           = "error"
budget           = 100
device           = "cpu"
highest          = "{highest}"

[[danger-zone]]
id    = "evaluation"
rule  = "The questions, the answers and their comparison are fixed."
check = "frozen"
paths = ["*.txt", "canary_task.py", "evaluate.py"]

[[iron-law]]
id    = "only-candidate-py"
rule  = "Only candidate.py is modified."
check = "scope"
"""
_BOUND = """\
[experiment]
script     = "train.py"
editable   = ["train.py"]
harness    = "prepare.py"
evaluate   = "evaluate_bpb"
validation = ["val.bin"]
python     = [{python}]
budget     = 100
device     = "cpu"
highest    = "{highest}"

[[danger-zone]]
id    = "prepare"
rule  = "prepare.py: fixed evaluation harness."
check = "frozen"
paths = ["prepare.py"]

[[iron-law]]
id    = "only-train-py"
rule  = "Only train.py is modified."
check = "scope"
"""


@dataclass(frozen=True)
class Trial:
    """The result of a canary, a small experiment, honest or cheating, that tests the isolation of
    runs. ``level`` is the assurance level at which it ran, or, if no run was made, the highest that
    was allowed; ``why`` says why the level is not higher.

    ``state``: an honest run ``held``; a cheat was ``caught``, ``neutralised`` (it had no effect) or
    is ``open``; a run that shows nothing ``failed``. ``words`` explain it. ``value`` is the
    measured metric; None if there is none.
    """

    canary: str
    level: Level
    state: _State
    words: str
    why: str = ""
    value: float | None = None

    @property
    def stopped(self) -> bool:
        """Whether the run ended as it must: an honest one held, a cheat was caught or
        neutralised."""
        return self.state in ("held", "caught", "neutralised")


def attempt(
    name: str, python: str, *, highest: Level, torch: bool, honest: float | None = None
) -> Trial:
    """Run a canary at the highest available level up to ``highest``, and return its result; an
    error of the run is the state ``failed``. A script runs under the interpreter ``python``, a
    command under the interpreter of this process. Without ``torch`` the model of a script is in
    plain Python.

    ``honest`` is the metric of the honest canary at that level, None if it is not known;
    `_classify` says how it decides about the state. KeyboardInterrupt if the run was interrupted.
    """
    try:
        with _make_workspace(name, python, highest, torch) as workspace:
            case = open_case(workspace.repository / "bound.toml", trust="HEAD")
            result = run_experiment(case, Order(device="cpu"))
            if result.interrupted:
                raise KeyboardInterrupt
            state, words = _classify(name, result, workspace, honest)
    except (OuroError, OSError) as error:
        return Trial(name, highest, "failed", str(error).splitlines()[0])
    why = result.record.level_why if result.record else ""
    return Trial(name, result.level or highest, state, words, why, result.value)


def is_honest(name: str) -> bool:
    """Return whether this canary is one without a cheat."""
    return name.removeprefix(COMMAND) == HONEST


def _classify(
    name: str, result: Result, workspace: _Workspace, honest: float | None
) -> tuple[_State, str]:
    """Return a tuple: the state of a canary after its run, and the words that explain it. The first
    of these that applies decides.

    A trace outside of the run: ``open``. No run: ``failed``. A run of a cheat that ended as a
    breach, since it broke a rule or was seen to forge its result: ``caught``. Any other end than a
    success with a metric: ``failed``. An honest canary: ``held``. A cheat whose metric differs from
    ``honest`` by more than `_SAME`, or if ``honest`` is None: ``open``. A cheat that acts outside
    of its process, if `_Workspace.refusal` is "": ``failed``. Any other cheat: ``neutralised``.
    """
    if effect := workspace.effect():
        return "open", effect
    if result.status == "closed":
        return "failed", f"no run: {result.closed[0].findings[0].headline}"
    outcome = result.record.outcome if result.record else ""
    if outcome == "breach" and not is_honest(name):
        return "caught", result.message
    if outcome != "ok" or result.value is None:
        return "failed", f"it ended as {outcome}: {result.message}"
    if is_honest(name):
        return "held", f"{result.value:.6f} {result.metric.unit or result.metric.name}"
    if honest is None or abs(result.value - honest) > _SAME:
        return "open", f"it scored {result.value:.6f}, not {honest or 0:.6f}"
    if name in _OUTSIDE:
        refusal = workspace.refusal()
        return ("neutralised", refusal) if refusal else ("failed", "it is not known what it did")
    return "neutralised", f"it scored {result.value:.6f}, what the honest run scores"


@dataclass
class _Workspace:
    """The temporary repository in which a canary runs, with a socket that listens and the signals
    that this process received: they show the traces of a cheat outside of its run."""

    repository: Path
    listener: socket.socket
    signals: list[int] = field(default_factory=list)

    def effect(self) -> str:
        """Return in words the first trace that the canary left outside of its run: a connection to
        ``listener``, a signal to this process, an entry in the journal, or a process that outlived
        the run. "" if there is none; the cheat may have changed the metric all the same."""
        with contextlib.suppress(BlockingIOError):
            self.listener.accept()[0].close()
            return "its call was answered"
        if self.signals:
            return "its signal arrived"
        if any(b'"run": "forged"' in line for line in self.journal.lines()):
            return "its run is in the journal, and the chain is intact"
        if (left := self._find_line(_LEFT)) and _lives(int(left)):
            return f"the process that it left, {left}, outlived the run"
        return ""

    def refusal(self) -> str:
        """Return why a cheat that left no trace (see `effect`) had no effect, by what the program
        wrote to ``run.log``: that an action was refused, or which process it left behind, which
        then ended with the run. "" if it wrote neither."""
        if error := self._find_line(_REFUSED):
            return f"{_REFUSED}{error}"
        left = self._find_line(_LEFT)
        return f"the process that it left, {left}, ended with the run" if left else ""

    def _find_line(self, start: str) -> str:
        """Return the rest of the first line of ``run.log`` that begins with ``start``; "" if no
        line does."""
        log = self.repository / "run.log"
        lines = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
        return next((line.removeprefix(start) for line in lines if line.startswith(start)), "")

    @property
    def journal(self) -> Journal:
        """The journal of the repository; it need not exist."""
        return Journal(self.repository / ".git")


@contextmanager
def _make_workspace(name: str, python: str, highest: Level, torch: bool) -> Iterator[_Workspace]:
    """Yield a workspace with all that the canary ``name`` needs: a temporary repository, a socket
    that listens, collected signals and a cache folder of its own. Remove it when the context
    ends."""
    with (
        tempfile.TemporaryDirectory(prefix="ouro-canary-") as folder,
        socket.create_server(("127.0.0.1", 0)) as listener,
        _collect_signals() as signals,
        _use_cache(Path(folder) / "cache"),
    ):
        listener.setblocking(False)
        workspace = _Workspace(Path(folder).resolve() / "repository", listener, signals)
        _write_files(workspace, name, python, highest, torch)
        yield workspace


def _write_files(
    workspace: _Workspace, name: str, python: str, highest: Level, torch: bool
) -> None:
    """Write the canary with all that its run needs, such as its data and bound.toml, into the new
    repository, and commit it.

    ``around.json`` tells the cheat where to find the socket, the journal and the supervisor.
    """
    folder = workspace.repository
    folder.mkdir()
    if name.startswith(COMMAND):
        _write_command(folder, name.removeprefix(COMMAND))
        bound = _COMMAND_BOUND.format(highest=highest)
    else:
        _write_script(folder, name, torch)
        bound = _BOUND.format(python=json.dumps(python), highest=highest)
    around = {
        "port": workspace.listener.getsockname()[1],
        "journal": str(workspace.journal.path),
        "supervisor": os.getpid(),
    }
    (folder / "around.json").write_text(json.dumps(around), "utf-8")
    (folder / "bound.toml").write_text(bound, "utf-8")
    repo.create(folder, name)


def _write_script(folder: Path, name: str, torch: bool) -> None:
    """Write into ``folder`` the canary ``name`` as ``train.py``, the harness ``prepare.py``, the
    model ``canary_model.py``, and the data ``train.bin`` and ``val.bin``. With ``torch``, the
    harness and the model use torch. Files that exist are replaced."""
    common = PROGRAMS if torch else PROGRAMS / "plain"
    for file in ("prepare.py", "canary_model.py"):
        shutil.copyfile(common / file, folder / file)
    shutil.copyfile(PROGRAMS / f"{name}.py", folder / "train.py")
    for split in ("train", "val"):
        (folder / f"{split}.bin").write_bytes(_make_tokens(split))


def _write_command(folder: Path, name: str) -> None:
    """Write into ``folder`` the canary of a command, ``name`` without its prefix, as
    ``candidate.py``, with ``canary_task.py`` and ``evaluate.py``, and 200 questions in
    ``questions.txt`` with answers in ``answers.txt``, of which about three in ten do not follow the
    rule. Files that exist are replaced."""
    for file in ("canary_task.py", "evaluate.py"):
        shutil.copyfile(PROGRAMS / "commands" / file, folder / file)
    shutil.copyfile(PROGRAMS / "commands" / f"{name}.py", folder / "candidate.py")
    generator = random.Random("answers")
    questions = range(200)
    answers = [int(one % 3 == 0) ^ (generator.random() < 0.3) for one in questions]
    (folder / "questions.txt").write_text("\n".join(map(str, questions)), "utf-8")
    (folder / "answers.txt").write_text("\n".join(map(str, answers)), "utf-8")


def _lives(pid: int) -> bool:
    """Return whether a process with this id exists: False as soon as it has ended, or if this user
    may not signal it, True if it still exists after two seconds."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except OSError:
            return False
        time.sleep(0.05)
    return True


def _make_tokens(split: str) -> bytes:
    """Return 64 rows of 17 tokens as bytes, one a token, from 0 to 11; the first is 0, and each
    other mostly follows from the one before. They depend on the name of the split alone."""
    generator = random.Random(split)
    tokens = [0]
    for _ in range(64 * 17 - 1):
        step = generator.choices((1, 5, generator.randrange(12)), (3, 2, 2))[0]
        tokens.append((tokens[-1] + step) % 12)
    return bytes(tokens)


@contextmanager
def _collect_signals() -> Iterator[list[int]]:
    """Yield a list to which the number of each signal SIGUSR1 that this process receives is added;
    restore the handler afterwards."""
    received: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: received.append(number))
    try:
        yield received
    finally:
        signal.signal(signal.SIGUSR1, before or signal.SIG_DFL)  # None: not set from Python


@contextmanager
def _use_cache(folder: Path) -> Iterator[None]:
    """Put the caches, locks and worktrees of pytest-ouro into ``folder``, and let the records stay
    in the canary's own repository, until the end of the context, so that a canary does not touch
    those of the user."""
    ours = {"XDG_CACHE_HOME": str(folder), VARIABLE: OWN}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value
