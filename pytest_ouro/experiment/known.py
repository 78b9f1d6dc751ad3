"""Answer for code that was measured before, from its record and without a run."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

from pytest_ouro.bound.tables import LEVELS
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import fields, replace
from pytest_ouro.engine import check_after_run
from pytest_ouro.evidence.paths import matches
from pytest_ouro.evidence.records.run_record import MeasuredRun, StartedRun
from pytest_ouro.experiment.devices import device as devices
from pytest_ouro.experiment.devices.slots import parts
from pytest_ouro.experiment.records import record
from pytest_ouro.experiment.records.editable import describe_again
from pytest_ouro.experiment.result import Result
from pytest_ouro.experiment.steps import evaluate_command
from pytest_ouro.experiment.terms.setup import Setup
from pytest_ouro.experiment.terms.turns import Turn
from pytest_ouro.experiment.verdict import history
from pytest_ouro.experiment.verdict.compare import compare

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ouro.bound.tables import Experiment, Level
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.experiment.terms.setup import Profile

#: What a record states of its own run, and not of the measurement.
_OWN = ("tried", "row_losses", "vault_losses")


def answer_from_record(
    case: Case,
    experiment: Experiment,
    profile: Profile,
    say: Callable[[str], None],
    *,
    plan: str | None = None,
    revise: Callable[[FinishedRun], FinishedRun] = lambda run: run,
    elsewhere: Elsewhere | None = None,
) -> Result | None:
    """Return the result of the checked commit by an earlier run of the same code (`find_earlier`),
    whose value is compared with the present reference, and record it; None, with nothing recorded,
    if there is none, so that the commit must be run.

    ``say`` is called with a line that names the earlier run. ``plan`` is the id of the batch that
    the commit is a candidate of, None for none; ``revise`` may change the verdict before it is
    recorded, and ``elsewhere`` says where it would be run (None: on this machine). Raise
    RecordError or GitError if the result cannot be recorded, another OuroError if a rule cannot be
    checked.
    """
    found = find_earlier(case, experiment, profile, elsewhere)
    if found is None:
        return None
    described, earlier = found
    line = history.describe_same_code(earlier, same_seeds=True)
    line = f"{line}; it was not run again (--ouro-again runs it)"
    say(line)
    runs = case.evidence.journal.runs()
    run = compare(
        runs,
        case.repository.history,
        _measured_by(earlier, record.start(case, replace(described, plan=plan))),
        experiment=experiment,
        rule=case.bound.verdicts[profile],
        guards=case.bound.guards,
        statements=case.evidence.journal.statements(),
        describe_again=partial(describe_again, case),
        measured_by=earlier,
    )
    run = record.finish(case, revise(run))
    return Result(
        run.reason,
        run.commit,
        experiment.described_metric,
        value=run.mean_or_value,
        best=run.best,
        level=cast("Level", run.level),
        message=run.message,
        peak_vram_mb=run.peak_mb or 0.0,
        record=run,
        before=line,
    )


class Elsewhere(NamedTuple):
    """Where the runs of a batch on a cluster are made: the name of the device, and the digest of
    the data ("": it is not known)."""

    device_name: str
    digest: str = ""


def describe_start(
    case: Case, experiment: Experiment, profile: Profile, elsewhere: Elsewhere | None = None
) -> StartedRun:
    """Return the record of a run of the checked commit as it would start on a device of this
    machine, or ``elsewhere``; nothing is written. Raise OuroError if the code or the data cannot be
    read, or there are fewer cores than slots."""
    setup = Setup(case, experiment, profile, scratch=case.evidence.root)  # nothing is written there
    if elsewhere is not None:
        place = devices.Surroundings(elsewhere.device_name)
    else:
        cores = parts(experiment.slots)[0] if profile == "cpu" and experiment.slots > 1 else ()
        place = devices.surroundings(profile, lambda text: None, cores)
    harness = evaluate_command.digest(case, experiment)
    run = record.describe(setup, Turn(), harness=harness, place=place, holds=())
    return replace(run, data=elsewhere.digest) if elsewhere and elsewhere.digest else run


def find_earlier(
    case: Case, experiment: Experiment, profile: Profile, elsewhere: Elsewhere | None = None
) -> tuple[StartedRun, FinishedRun] | None:
    """Return the record of a run of the checked commit as it would start, and the earlier run whose
    measurement counts for it; None if it must be run. Nothing is recorded.

    It must be run if `describe_start` raises an OuroError; if `history.find_measured` finds no run;
    if the two commits differ in a file that is neither editable, nor one of the rules, nor one that
    a run may leave; if that run had too low a level, or a value that is not plausible; or if it
    would break a rule about runs now. Raise OuroError if a rule cannot be checked.
    """
    try:
        described = describe_start(case, experiment, profile, elsewhere)
    except OuroError:
        return None  # of data that is missing, for example: the run says so
    runs = case.evidence.journal.runs()
    earlier = history.find_measured(runs, described, whole=bool(experiment.command))
    if earlier is None or not _is_same_otherwise(case, earlier):
        return None
    level = cast("Level | None", earlier.level)
    if level is None or LEVELS.index(level) < LEVELS.index(experiment.level):
        return None
    if not experiment.described_metric.is_plausible(earlier.measured_value or 0.0):
        return None  # by the present rules it would be a breach
    described = replace(described, salt=earlier.salt)
    rules = check_after_run(case.again(measured=_measured_by(earlier, described)))
    return None if any(result.broken for result in rules) else (described, earlier)


def _measured_by(earlier: FinishedRun, started: StartedRun) -> MeasuredRun:
    """Return the record of the run ``started`` with the measurement and the name of the device of
    ``earlier``, except its losses by row."""
    shared = {field.name for field in fields(StartedRun)}
    names = [field.name for field in fields(MeasuredRun) if field.name not in {*shared, *_OWN}]
    return MeasuredRun(
        **replace(started, device_name=earlier.device_name).shared(),
        **{name: getattr(earlier, name) for name in names},
        time=started.time,
        tried="" if started.seq is None else started.tried_ref,
    )


def _is_same_otherwise(case: Case, earlier: FinishedRun) -> bool:
    """Return whether the commit of ``earlier`` and the checked one have the same files, except for
    the editable ones, the rules, and those that a run may leave; False if git lacks the commit, and
    so do the records that clones share."""
    git, bound, place = case.repository.git, case.bound, case.evidence.place
    apart = [bound.path(glob) for glob in (*case.experiment.editable, *case.experiment.allowed)]
    apart += [case.trust.bound_path, case.trust.lock_path]
    if not place.lacks(earlier.commit):
        old, new = (git.store.commit(one)[0] for one in (earlier.commit, case.repository.head))
        return all(matches(path, apart) for path, _ in git.store.difference(old, new))
    if place.folder is None or not place.keeps(earlier.commit):
        return False
    there, here = place.store.tree(earlier.commit), git.tree(case.repository.head)
    differing = (path for path in there.keys() | here if there.get(path) != here.get(path))
    return all(matches(path, apart) for path in differing)
