"""The level a run is made at: the highest that is possible here, and why it is no higher."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from pytest_ouro.bound.tables import LEVELS
from pytest_ouro.experiment.assurance import sandbox_spec
from pytest_ouro.experiment.terms.job import environment
from pytest_ouro.experiment.terms.names import INTERFACE, trusted_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ouro.bound.tables import Experiment, Level
    from pytest_ouro.engine import Case
    from pytest_ouro.experiment.assurance.sandbox_spec import Availability
    from pytest_ouro.experiment.terms.job import Job


@dataclass(frozen=True)
class Assured:
    """A job at its level; ``why`` it is no higher ("" where it is the highest there is)."""

    job: Job
    why: str = ""

    def unjudged(self, why: str) -> Assured:
        """The same job without a judge, whose harness the judge could not use."""
        message = {key: value for key, value in self.job.message.items() if key != "sandbox"}
        return Assured(replace(self.job, judge=None, message=message), f"no judge: {why}")


def assure(
    case: Case, experiment: Experiment, job: Job, *, tree: Path, profile: Literal["cpu", "cuda"]
) -> Assured:
    """The job with a judge and a sandbox, as far as the experiment and this machine have them.

    ``tree`` is the checkout that the job runs in.
    """

    def tried() -> Availability:
        return sandbox_spec.available(job.python, folder=job.folder, environment=environment(job))

    level, why = reachable(case, experiment, tried)
    if level == "supervised":
        return Assured(job, why)
    keys = ("harness", "harness_path", "harness_source", "loader", "evaluate", "budget")
    questions = {key: job.message[key] for key in keys}
    judged = replace(job, judge={**questions, "rows": experiment.judged_rows})
    if level == "judged":
        return Assured(judged, why)
    return Assured(
        sandbox_spec.confine(case, experiment, judged, tree=tree, cuda=profile == "cuda")
    )


def reachable(
    case: Case, experiment: Experiment, tried: Callable[[], Availability]
) -> tuple[Level, str]:
    """The level that a run can begin at, and why at no higher. ``tried`` is asked for the sandbox's
    self-test, if all else allows one."""
    if why := no_judge(case, experiment):
        return "supervised", why
    if why := no_sandbox(case, experiment, tried):
        return "judged", why
    return "sandboxed", ""


def no_sandbox(case: Case, experiment: Experiment, tried: Callable[[], Availability]) -> str:
    """Why the script cannot be shut in: the bound, or what the self-test on this machine found."""
    if experiment.highest == "judged":
        return 'the bound says highest = "judged"'
    if why := sandbox_spec.unhidden(case, experiment):
        return f"no sandbox: {why}"
    here = tried()
    return "" if here.ok else f"no sandbox: {here.why}"


def no_judge(case: Case, experiment: Experiment) -> str:
    """Why the score cannot be the judge's, as far as that is seen without running anything."""
    if experiment.command:
        return "a command is measured by its evaluate-command"
    if LEVELS.index(experiment.highest) < LEVELS.index("judged"):
        return f'the bound says highest = "{experiment.highest}"'
    tree = ast.parse(trusted_source(case, experiment.harness).encode("latin-1"))
    names = {getattr(node, "name", "") for node in tree.body}
    lacking = [name for name in INTERFACE if name not in names]
    if lacking:
        return f"no judge: {experiment.harness} has no {lacking[0]}"
    return ""
