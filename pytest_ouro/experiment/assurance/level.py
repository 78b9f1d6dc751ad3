"""Choose the level of a run: the highest that is possible here, and why not a higher one."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from pytest_ouro.bound.tables import LEVELS
from pytest_ouro.core.fast_dataclass import dataclass, replace
from pytest_ouro.evidence.paths import matches
from pytest_ouro.experiment.assurance import sandbox_spec
from pytest_ouro.experiment.terms.job import environment
from pytest_ouro.experiment.terms.names import (
    INTERFACE,
    is_data,
    named_files,
    python_words,
    trusted_source,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ouro.bound.tables import Experiment, Level, VerdictRule
    from pytest_ouro.child.job import Job as Message
    from pytest_ouro.engine import Case
    from pytest_ouro.experiment.assurance.sandbox_spec import Availability
    from pytest_ouro.experiment.terms.job import Job


_ALONE = "the command prints the metric itself: no evaluate-command measures apart from it"
_HIGHEST_JUDGED = 'the bound says highest = "judged"'


@dataclass(frozen=True)
class Assured:
    """A job (the program of a run, and how it is started), with a judge and a sandbox if its level
    has them, and ``why`` its level is not higher ("" for *sandboxed*)."""

    job: Job
    why: str = ""

    def unjudged(self, why: str) -> Assured:
        """Return the job without judge and sandbox, so that its level is *supervised*.

        ``why`` says why the judge rejected the harness. The ``why`` of the result has "no judge: "
        before it.
        """
        message = self.job.message.copy()
        message.pop("sandbox", None)
        return Assured(replace(self.job, judge=None, message=message), f"no judge: {why}")


def assure(case: Case, experiment: Experiment, job: Job, tree: Path, rule: VerdictRule) -> Assured:
    """Return the job with a judge and a sandbox, as far as the experiment and this machine allow,
    and why its level is not higher. The job is unchanged if only *claimed* or *supervised* can be
    reached.

    A command gets no judge process, since its evaluation is a program of its own. A judge leaves
    out the vault and rounds its score as ``rule`` says. ``tree`` is the checkout in which the job
    runs; if the job is a command in a sandbox, the validation files in ``tree`` are deleted. Raise
    ExperimentError if the harness is not trusted, or if the job gets a sandbox and the driver does
    not know the card; SyntaxError if the harness is not Python; OSError if a validation file cannot
    be examined or deleted; another OuroError if git's objects or the data cannot be read.
    """

    def tried() -> Availability:
        return sandbox_spec.available(
            job.python,
            folder=job.folder,
            environment=environment(job),
            network=_has_network(experiment),
        )

    level, why = reachable(case, experiment, tried)
    if level in ("claimed", "supervised"):
        return Assured(job, why)
    if experiment.command:
        return Assured(sandbox_spec.confine(case, experiment, job, tree), why)
    judge: Message = {
        "harness": job.message["harness"],
        "harness_path": job.message["harness_path"],
        "harness_source": job.message["harness_source"],
        "loader": job.message["loader"],
        "evaluate": job.message["evaluate"],
        "budget": job.message["budget"],
        "rows": experiment.judged_rows,
        "vault": rule.vault,
        "score_decimals": rule.score_decimals,
    }
    judged = replace(job, judge=judge)
    if level == "judged":
        return Assured(judged, why)
    return Assured(sandbox_spec.confine(case, experiment, judged, tree))


def reachable(
    case: Case, experiment: Experiment, tried: Callable[[], Availability]
) -> tuple[Level, str]:
    """Return a tuple: the highest level at which a run can start, and why not a higher one ("" for
    *sandboxed*).

    ``tried`` runs the sandbox's self-test; it is called only if everything else allows a sandbox.
    Raise what `no_judge`, `no_sandbox` and, for a command without an evaluation, `of_command_alone`
    raise.
    """
    if experiment.command and not experiment.evaluate_command:
        return of_command_alone(case, experiment)
    if why := no_judge(case, experiment):
        return "supervised", why
    if experiment.command:
        here = tried()
        if not here.ok:
            return "supervised", f"no sandbox: {here.why}"
        return ("judged", _HIGHEST_JUDGED) if _has_network(experiment) else ("sandboxed", "")
    if why := no_sandbox(case, experiment, tried):
        return "judged", why
    return "sandboxed", ""


def of_command_alone(case: Case, experiment: Experiment) -> tuple[Level, str]:
    """Return a tuple: the level of a command that prints the metric itself, and why it is not
    higher (never "").

    The level is *supervised* if a fixed program measures, though in the candidate's own processes.
    Otherwise it is *claimed*: what is printed is a claim. A fixed program is a file that the
    command names, by its path relative to the experiment's folder or as a module, that may not be
    edited, and that has its trusted bytes in the checked commit. A file of settings or data
    (`is_data`) does not count. Raise OuroError if git's objects cannot be read.
    """
    git, head = case.repository.git, case.repository.head
    editable = [case.bound.path(glob) for glob in experiment.editable]
    for name in named_files(experiment.command):
        path = case.bound.path(name) if _is_inside(name) and not is_data(name) else ""
        data = git.file(head, path) if path and not matches(path, editable) else None
        if data is not None and data == case.trust.read(path):
            return "supervised", _ALONE
    return "claimed", "no fixed program measures: the command prints its own metric"


def _is_inside(name: str) -> bool:
    """Return whether a word of a command can be the path of a file in the experiment's folder: it
    begins with neither ``/`` nor ``~``, and has no part ``..``."""
    return not name.startswith(("/", "~")) and ".." not in name.split("/")


def no_sandbox(case: Case, experiment: Experiment, tried: Callable[[], Availability]) -> str:
    """Return why a script that can have a judge cannot be sandboxed, or "" if it can: the bound's
    ``highest`` is "judged", its validation data cannot be hidden, or the self-test fails. ``tried``
    runs the self-test, and is not called if there is another reason. Raise what `unhidden`
    raises."""
    if experiment.highest == "judged":
        return _HIGHEST_JUDGED
    if why := sandbox_spec.unhidden(case, experiment):
        return f"no sandbox: {why}"
    here = tried()
    return "" if here.ok else f"no sandbox: {here.why}"


def no_judge(case: Case, experiment: Experiment) -> str:
    """Return why the level *judged* cannot be reached, as far as bound and source show; "" if it
    can be.

    The bound's ``highest`` must allow *judged*. For a script, the harness must also define each
    name in ``INTERFACE``, at its top level, as a function or class. For a command, the bound must
    have an evaluate-command, and `_no_evaluation` must return "". Raise ExperimentError if the
    harness of a script is not trusted, SyntaxError if it is not Python, another OuroError if it, or
    the data of a command, cannot be read.
    """
    if LEVELS.index(experiment.highest) < LEVELS.index("judged"):
        return f'the bound says highest = "{experiment.highest}"'
    if experiment.command and not experiment.evaluate_command:
        return _ALONE
    if experiment.command:
        return _no_evaluation(case, experiment)
    tree = ast.parse(trusted_source(case, experiment.harness).encode("latin-1"))
    names = {getattr(node, "name", "") for node in tree.body}
    lacking = [name for name in INTERFACE if name not in names]
    if lacking:
        return f"no judge: {experiment.harness} has no {lacking[0]}"
    return ""


def _no_evaluation(case: Case, experiment: Experiment) -> str:
    """Return why the evaluation of a command, or the command of a guard, cannot be kept apart from
    the candidate's code; "" if all of them can be.

    They cannot if the validation files cannot be hidden from the ``command`` of the bound, which
    runs the candidate's code (`unhidden`), or if the evaluate-command or a guard's command does not
    start a Python script or module.
    """
    if why := sandbox_spec.unhidden(case, experiment):
        return f"the command could read what its evaluation reads: {why}"
    commands = {"evaluate-command": experiment.evaluate_command}
    commands |= {f"the command of guard {g.id}": g.command for g in case.bound.guards if g.command}
    for name, words in commands.items():
        if python_words(words) is None:
            return (
                f"{name} does not start a Python script, so that nothing shows whether it runs the "
                "candidate's code in its own process"
            )
    return ""


def _has_network(experiment: Experiment) -> bool:
    """Return whether the sandbox of a run allows the internet: only for a command, and only if the
    bound says ``highest = "judged"``."""
    return bool(experiment.command) and experiment.highest == "judged"
