"""What measures a command: its evaluate-command, run by us, from the trusted commit alone."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_ouro.bound import read
from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.evidence import lock
from pytest_ouro.evidence.content import digest as digest_of
from pytest_ouro.evidence.paths import inside, join, matches
from pytest_ouro.experiment.steps.checkout import checkout
from pytest_ouro.experiment.steps.jobs import evaluation_job
from pytest_ouro.experiment.supervision.supervisor import supervise

if TYPE_CHECKING:
    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.engine import Case
    from pytest_ouro.experiment.terms.job import Job
    from pytest_ouro.experiment.terms.measurement import Measurement


def evaluated(case: Case, experiment: Experiment, run: Job, seen: Measurement) -> Measurement:
    """What was seen of a command's run, and of the evaluation of what it left.

    Nothing is evaluated after a bad end. The evaluation has the seconds that are left of `timeout`.
    """
    if seen.exit_code or seen.stopped:
        return seen
    left = experiment.seconds("timeout") - seen.wall_seconds
    editable = [case.bound.path(glob) for glob in experiment.editable]
    with checkout(
        case.repository.git,
        case.trust.commit,
        role="trusted",
        leave_out=lambda path: matches(path, editable),
    ) as tree:
        judged = supervise(evaluation_job(case, experiment, run, tree=tree, seconds=left))
    failed = judged.exit_code or judged.stopped
    return replace(
        seen,
        value=None if failed else judged.claim(experiment.metric),
        tail=(*seen.tail, *judged.tail),
        evaluation=judged,
    )


def digest(case: Case, experiment: Experiment) -> str:
    """What the metric is measured by, as a digest: runs under another are never compared.

    Of a script it is its harness. A command's evaluation may use any trusted file of the
    experiment's folder that is not editable; the rules beside it, and when they were blessed, do
    not count.
    """
    if not experiment.command:
        return case.trust.digest(case.bound.path(experiment.harness))
    apart = [case.bound.path(glob) for glob in experiment.editable]
    apart += [join(case.bound.folder, name) for name in (read.NAME, lock.NAME)]
    found = hashlib.sha256(repr(experiment.evaluate_command).encode())
    for path, entry in sorted(case.trust.git.tree(case.trust.commit).items()):
        if inside(path, case.bound.root) and not matches(path, apart):
            found.update(f"{path}\0{entry.mode}\0{entry.blob}\n".encode())
    return f"sha256:{found.hexdigest()}"


def demand_trusted(case: Case) -> None:
    """The trusted commit must hold what was blessed: the evaluation is checked out from it."""
    trust = case.trust
    for path in sorted(trust.paths) if trust.lock else ():
        data = trust.before(path)
        if data is None or digest_of(data) != trust.digest(path):
            raise ExperimentError(
                f"{path} in commit {trust.commit[:7]} is not the one that was blessed there",
                help="commit bound.lock together with what it blesses: pytest-ouro bless, git add, "
                "git commit",
            )
