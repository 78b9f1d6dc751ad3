"""Evaluate a command: run its evaluate-command from the trusted commit."""

from __future__ import annotations

import hashlib
import time
from functools import partial
from typing import TYPE_CHECKING

from pytest_ouro.bound import read
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence import lock
from pytest_ouro.evidence.content import has_digest
from pytest_ouro.evidence.paths import inside, join, matches
from pytest_ouro.experiment.assurance.level import of_command_alone
from pytest_ouro.experiment.steps.checkout import checkout
from pytest_ouro.experiment.steps.jobs import evaluation_job
from pytest_ouro.experiment.supervision.supervisor import supervise
from pytest_ouro.messages import experiment as messages

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_ouro.bound.guards import Guard
    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.engine import Case
    from pytest_ouro.experiment.terms.job import Job
    from pytest_ouro.experiment.terms.measurement import Measurement
    from pytest_ouro.experiment.terms.setup import Setup


def evaluate(setup: Setup, run: Job, seen: Measurement) -> Measurement:
    """Evaluate the result of a command, and return ``seen``, the command's measurement, with the
    measurement of the evaluation added, and its last lines of output in ``tail``. ``run`` is the
    job of the command.

    Without an evaluate-command, ``value`` becomes what the command printed (None if it failed or
    was ended), and the level the one that `of_command_alone` returns. With one, ``seen`` is
    returned unchanged if the command failed or was ended. Otherwise ``value`` becomes the metric
    that the evaluation printed (None if it failed or was ended), and ``guarded`` the numbers that
    guards (limits in the bound on other numbers) limit, {} after such a failure.

    The evaluation, and after it the commands of guards, may use what is left of ``timeout``. If a
    person interrupts a guard's command, the measurement of that command is added in place of the
    evaluation's, so that the run counts as interrupted. If the evaluation or a guard's command ran
    code of the candidate in its own process, the level becomes *supervised*. Errors as of
    `checkout` and `supervise`.
    """
    if not setup.experiment.evaluate_command:
        level, _ = of_command_alone(setup.case, setup.experiment)
        failed = seen.exit_code or seen.stopped
        value = None if failed else seen.reading.number
        return replace(seen, value=value, level=level, alone=True)
    if seen.exit_code or seen.stopped:
        return seen
    case, experiment = setup.case, setup.experiment
    left = experiment.seconds("timeout") - seen.wall_seconds
    began = time.monotonic() - seen.wall_seconds
    git, commit = case.repository.git, case.trust.commit
    editable = [case.bound.path(glob) for glob in experiment.editable]
    is_editable = partial(matches, patterns=editable)
    with checkout(git, commit, role="trusted", leave_out=is_editable) as tree:
        evaluation, left_out = _run(setup, run, tree, left)
        failed = evaluation.exit_code or evaluation.stopped
        guarded: dict[str, float] = {}
        for guard in () if failed else case.bound.guards:
            printed = evaluation
            if guard.command:
                left = began + experiment.seconds("timeout") - time.monotonic()
                printed, _ = _run(setup, run, tree, max(left, 0.1), guard)
            if printed.stopped == "interrupted":
                return replace(seen, evaluation=printed)
            exposed = evaluation.exposed or printed.exposed
            evaluation = replace(evaluation, exposed=exposed)
            number = _number(guard, printed)
            guarded |= {} if number is None else {guard.source: number}
    return replace(
        seen,
        value=None if failed else evaluation.reading.number,
        tail=(*seen.tail, *left_out, *evaluation.tail),
        level="supervised" if evaluation.exposed else seen.level,
        evaluation=evaluation,
        guarded=guarded,
    )


def _run(
    setup: Setup, run: Job, tree: Path, seconds: float, guard: Guard | None = None
) -> tuple[Measurement, Sequence[str]]:
    """Run the evaluation, or the command of ``guard``, in the trusted checkout ``tree``; end it
    after ``seconds``.

    Return its measurement, and lines about files that the candidate's command left and that were
    not copied for the evaluation; () unless the candidate's command was in a sandbox.
    """
    job = evaluation_job(setup, run, tree, seconds=seconds, guard=guard)
    left_out: Sequence[str] = ()
    if "sandbox" in run.message:
        from pytest_ouro.experiment.steps.hand_over import hand_over

        copy = job.scratch / "candidate"
        left_out = hand_over(run.folder, copy, setup.experiment.artefacts)
    return supervise(job), left_out


def _number(guard: Guard, printed: Measurement) -> float | None:
    """Return the number that a guard limits, from ``printed``, the measurement of the program that
    states it. This is the number printed under the guard's ``metric``; for a guard without a
    metric, the exit status of its command.

    None if that number was not printed, if the supervisor or a signal ended the program, if a
    program that should print it failed, or if the guard limits a number that the run's record has
    anyway, such as its peak memory.
    """
    if printed.stopped or guard.recorded:
        return None
    if guard.metric:
        return None if printed.exit_code else printed.numbers[guard.metric]
    return float(printed.exit_code) if printed.exit_code >= 0 else None


def digest(case: Case, experiment: Experiment) -> str:
    """Return ``sha256:…``, a digest of what measures the metric; only runs with the same one are
    compared.

    For a script it is the digest of its trusted harness, "" if that is not trusted. The evaluation
    of a command may use every file of the trusted commit in the experiment's folder, except for the
    editable ones, bound.toml and bound.lock: the digest is of these files and of the
    evaluate-command. Raise OuroError if they cannot be read.
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
    """Raise ExperimentError unless the trusted commit, from which the evaluation is checked out,
    contains every blessed file as it was blessed. Without a bound.lock as trust, do nothing."""
    trust = case.trust
    for path in sorted(trust.paths) if trust.lock else ():
        data = trust.before(path)
        if data is None or not has_digest(data, trust.digest(path)):
            raise messages.not_the_blessed_file(path, trust.commit)
